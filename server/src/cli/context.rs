//! What every command needs: settings, caller, store, engine, rule.

use std::sync::Arc;

use amend_domain::{Caller, Door, ErrorCode, Problem, Role, Rule, RuleSlug};
use amend_engine::{Engine, EngineConfig, EngineParts, store::Store};
use clap::Args;

use super::{Global, logging, output::Format};
use crate::{
    config::{Config, Overrides},
    open::{self, Missing, told},
};

/// The rule that a command is about.
#[derive(Debug, Clone, Args)]
pub struct RuleArg {
    /// The rule [default: asset-class-correction, or the first there is; of several in amend.toml one must be named]
    #[arg(long, value_name = "SLUG", value_parser = slug)]
    pub rule: Option<RuleSlug>,
}

fn slug(text: &str) -> Result<RuleSlug, Problem> {
    RuleSlug::parse(text)
}

/// Settings and caller of one command.
pub struct Context {
    pub global: Global,
    pub config: Config,
    pub who: Caller,
}

impl Context {
    /// For a command that does its work and ends.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn new(global: Global) -> Result<Self, Problem> {
        Self::load(global, None, "warn")
    }

    /// For `amend serve`.
    ///
    /// # Errors
    /// As [`Context::new`].
    pub fn for_server(global: Global, addr: Option<String>) -> Result<Self, Problem> {
        Self::load(global, addr, "info")
    }

    fn load(global: Global, addr: Option<String>, default_level: &str) -> Result<Self, Problem> {
        let flags = Overrides { database: global.database.clone(), addr };
        let config = Config::load(global.config.as_deref(), &flags)?;
        logging::start(&config.log, default_level)?;
        Ok(Self { global, config, who: operating_system_user() })
    }

    #[must_use]
    pub const fn format(&self) -> Format {
        self.global.format
    }

    /// The store with Amend's own tables up to date.
    ///
    /// # Errors
    /// A database that cannot be reached or refuses Amend's own tables.
    pub async fn store(&self, missing: Missing) -> Result<Arc<dyn Store>, Problem> {
        let store = open::open(&self.config.database.url, missing).await?;
        let applied = store.migrate().await.map_err(|error| told(&error))?;
        if !applied.is_empty() {
            tracing::info!(migrations = %applied.join(", "), "Amend's own tables are up to date");
        }
        Ok(store)
    }

    /// An engine over [`Context::store`].
    ///
    /// # Errors
    /// As [`Context::store`].
    pub async fn engine(&self, missing: Missing) -> Result<Engine, Problem> {
        Ok(self.engine_over(self.store(missing).await?))
    }

    #[must_use]
    pub fn engine_over(&self, store: Arc<dyn Store>) -> Engine {
        let parts = EngineParts::system(store);
        let config = EngineConfig {
            throttle: self.config.throttle.limits(),
            rules_in_settings: self.config.rule.iter().map(|rule| rule.slug.clone()).collect(),
            ..self.config.engine.with_owner(super::people::owner())
        };
        Engine::new(EngineParts { config, ..parts })
    }

    /// An engine, and the rule that the command is about, as the file has it.
    ///
    /// # Errors
    /// `RULE_NOT_FOUND`, a rule of the file that does not fit, or that none is there to be found.
    pub async fn rule(&self, arg: &RuleArg) -> Result<(Engine, RuleSlug), Problem> {
        let named = self.slug(arg)?;
        let engine = self.engine(Missing::Refuse).await?;
        let unfit = self.save_rules(&engine).await?;
        let slug = match named {
            Some(slug) => slug,
            None => engine.first_rule().await?,
        };
        for (failed, problem) in unfit {
            if failed == slug {
                return Err(problem);
            }
            tracing::warn!(rule = %failed, "a rule of the settings file does not fit: {problem}");
        }
        match engine.rule(&self.who, &slug).await {
            Ok(_) => Ok((engine, slug)),
            Err(problem) if problem.code == ErrorCode::RuleNotFound && slug == RuleSlug::default_rule() => {
                // Nothing was found to make the default rule of: the search says what is missing.
                match engine.propose_rule(&self.who).await {
                    Err(why) => Err(why),
                    Ok(_) => Err(problem),
                }
            }
            Err(problem) => Err(problem),
        }
    }

    /// None where neither flag nor file names one.
    fn slug(&self, arg: &RuleArg) -> Result<Option<RuleSlug>, Problem> {
        if let Some(slug) = &arg.rule {
            return Ok(Some(slug.clone()));
        }
        let rules = &self.config.rule;
        match rules.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(only.slug.clone())),
            several if several.iter().any(|r| r.slug == RuleSlug::default_rule()) => Ok(Some(RuleSlug::default_rule())),
            several => {
                let slugs: Vec<_> = several.iter().map(|r| r.slug.as_str()).collect();
                Err(Problem::field("rule", "must be named, because amend.toml has several")
                    .advice(format!("Use --rule with one of: {}.", slugs.join(", "))))
            }
        }
    }

    /// Brings the rules of the file into the database, or, where the file has none, finds the default
    /// one. Gives the rules that do not fit, with the reason.
    ///
    /// # Errors
    /// Trouble with the database.
    pub async fn save_rules(&self, engine: &Engine) -> Result<Vec<(RuleSlug, Problem)>, Problem> {
        let mut unfit = Vec::new();
        for rule in &self.config.rule {
            if let Err(problem) = self.save_rule(engine, rule).await {
                unfit.push((rule.slug.clone(), problem));
            }
        }
        if self.config.rule.is_empty() {
            engine.ensure_default_rule().await?;
        }
        Ok(unfit)
    }

    async fn save_rule(&self, engine: &Engine, rule: &Rule) -> Result<(), Problem> {
        let stored = engine.store().rule(&rule.slug).await.map_err(|error| told(&error))?;
        if stored.as_ref() == Some(rule) {
            return Ok(());
        }
        engine.save_rule(&self.who, rule).await
    }
}

/// Whoever may read the settings may do everything the settings allow: the operating system is the
/// guard of this door.
pub fn operating_system_user() -> Caller {
    Caller { name: super::people::user_name(), role: Role::Admin, door: Door::CommandLine }
}
