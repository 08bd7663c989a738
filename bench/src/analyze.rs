//! The whole report of an analysis, against a bare GROUP BY over the same columns.

use std::time::Instant;

use sqlx::Executor as _;

use crate::{
    Wish, data,
    report::{self, Pair, Side},
    run,
    server::Server,
};

const ROWS: i64 = 3_000_000;

pub(crate) async fn run(wish: &Wish) -> anyhow::Result<()> {
    let rows = wish.rows.unwrap_or(ROWS);
    let server = Server::of_environment()?;
    println!("making {rows} rows");
    server.make_base(&data::postgres(rows)).await?;
    let (engine, store) = run::over_postgres(&server.address("base")?, wish.workers).await?;
    let mut plain = server.connect("base").await?;
    plain.execute("SET jit = off").await?;
    let mut pairs = Vec::new();
    // The first pair only warms the cache up.
    for n in 0..=wish.pairs {
        let mut pair = Pair { theirs: Side::default(), ours: Side::default() };
        for first in [n % 2 == 1, n % 2 == 0] {
            let begun = Instant::now();
            if first {
                plain.fetch_all("SELECT symbol, asset_class, count(*) FROM market_data GROUP BY 1, 2").await?;
                pair.theirs.seconds = begun.elapsed().as_secs_f64();
            } else {
                engine.analyze(&run::caller(), &data::rule().slug).await?;
                pair.ours.seconds = begun.elapsed().as_secs_f64();
            }
        }
        if n > 0 {
            println!("pair {n}: {:.2} s and {:.2} s", pair.theirs.seconds, pair.ours.seconds);
            pairs.push(pair);
        }
    }
    store.close().await;
    let what = format!(
        "{rows} rows. Theirs is SELECT symbol, asset_class, count(*) ... GROUP BY 1, 2; ours everything that the \
         analysis page shows, from one pass."
    );
    let table = report::of_times(&pairs, "bare GROUP BY", "amend analyze", "times as fast");
    report::publish("analyze", &what, &table, &server.words().await?)
}
