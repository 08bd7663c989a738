//! What readers and writers of the same table keep of their throughput while a run is at work.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    Wish, data,
    report::{self, Pair, Side},
    run,
    server::Server,
};

const ROWS: i64 = 3_000_000;
/// Sessions: one reads, one writes, each as fast as it can.
const QUIET: Duration = Duration::from_secs(10);
/// Percent of its time that a gentle run works.
const GENTLE: u8 = 20;

/// One of pgbench's kind: a read of one row by key, then a write of its volume.
async fn neighbour(server: &Server, rows: i64, seed: i64, done: &AtomicU64, end: &AtomicBool) -> anyhow::Result<()> {
    let mut connection = server.connect("measured").await?;
    let mut n = seed;
    while !end.load(Ordering::Relaxed) {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let row = (n >> 33).rem_euclid(rows) + 1;
        sqlx::query("SELECT close FROM market_data WHERE id = md5($1::text)::uuid")
            .bind(row.to_string())
            .fetch_optional(&mut connection)
            .await?;
        sqlx::query("UPDATE market_data SET volume = volume + 1 WHERE id = md5($1::text)::uuid")
            .bind(row.to_string())
            .execute(&mut connection)
            .await?;
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Transactions per second while something goes on.
#[expect(clippy::cast_precision_loss, reason = "a rate")]
async fn while_doing<T>(
    server: &Arc<Server>,
    rows: i64,
    something: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<(f64, T)> {
    let (done, end) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let tasks: Vec<_> = (1..=2)
        .map(|seed| {
            let (server, done, end) = (Arc::clone(server), Arc::clone(&done), Arc::clone(&end));
            tokio::spawn(async move { neighbour(&server, rows, seed, &done, &end).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (before, begun) = (done.load(Ordering::Relaxed), Instant::now());
    let result = something.await;
    let rate = (done.load(Ordering::Relaxed) - before) as f64 / begun.elapsed().as_secs_f64();
    end.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    Ok((rate, result?))
}

pub(crate) async fn run(wish: &Wish) -> anyhow::Result<()> {
    let rows = wish.rows.unwrap_or(ROWS);
    let server = Arc::new(Server::of_environment()?);
    println!("making {rows} rows");
    server.make_base(&data::postgres(rows)).await?;
    let (mut pairs, mut gentle) = (Vec::new(), Vec::new());
    for n in 1..=wish.pairs {
        server.copy("base", "measured").await?;
        let (alone, ()) = while_doing(&server, rows, async {
            tokio::time::sleep(QUIET).await;
            Ok(())
        })
        .await?;
        let (engine, store) = run::over_postgres(&server.address("measured")?, wish.workers).await?;
        let (mildly, ()) = while_doing(&server, rows, run::correct_gently(&engine, GENTLE, QUIET)).await?;
        let (beside, _) = while_doing(&server, rows, run::correct(&engine)).await?;
        store.close().await;
        server.remove("measured").await?;
        println!("pair {n}: {alone:.0}/s alone, {mildly:.0}/s at {GENTLE} %, {beside:.0}/s beside a run");
        let of = |rate: f64| Side { seconds: 1.0 / rate, ..Side::default() };
        pairs.push(Pair { theirs: of(alone), ours: of(beside) });
        gentle.push(Pair { theirs: of(alone), ours: of(mildly) });
    }
    let what = format!(
        "{rows} rows; two sessions read a row by key and write another column of it, as fast as they can, without and \
         with a run beside them, first at {GENTLE} % of its pace for {} s, then at full pace to its end.",
        QUIET.as_secs()
    );
    let mut table = "| | alone, transactions/s | beside a run | kept, pairwise |\n|---|---|---|---|\n".to_owned();
    for (name, pairs) in [(format!("at {GENTLE} %"), &gentle), ("at full pace".to_owned(), &pairs)] {
        let rate = |of: fn(&Pair) -> f64| report::median(pairs.iter().map(|p| 1.0 / of(p)));
        let kept: Vec<f64> = pairs.iter().map(|p| p.theirs.seconds / p.ours.seconds * 100.0).collect();
        table.push_str(&format!(
            "| {name} | {:.0} | {:.0} | {:.0} % ({:.0} to {:.0}) |\n",
            rate(|p| p.theirs.seconds),
            rate(|p| p.ours.seconds),
            report::median(kept.iter().copied()),
            kept.iter().copied().fold(f64::INFINITY, f64::min),
            kept.iter().copied().fold(0.0, f64::max),
        ));
    }
    report::publish("neighbours", &what, &table, &server.words().await?)
}
