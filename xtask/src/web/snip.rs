//! Takes code out of the module that the browser never runs but the linker cannot know to be dead.
//!
//! Leptos keeps a table of functions for every type of view, and each table holds ways of hydrating
//! that only other entry points use: `hydrate_async` belongs to `hydrate_lazy`, and
//! `hydrate_from_template` to `template!`. Ours is `hydrate_body`, so the bodies go, and with them
//! all that only they call: about an eighth of the module.

use anyhow::Context as _;
use walrus::{FunctionBuilder, FunctionId, FunctionKind, Module, ModuleConfig, TypeId, ValType};

/// Parts of names, as the compiler mangles them, of functions that are never called.
const NEVER_CALLED: [&str; 2] = ["hydrate_async", "hydrate_from_template"];

/// The module with the bodies of those functions replaced by a trap.
pub fn unused_hydration(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    // As wasm-bindgen parses it: what LLVM writes is well-formed.
    let mut module =
        ModuleConfig::new().strict_validate(false).parse(module).context("the compiled module cannot be read")?;
    let dead: Vec<(FunctionId, TypeId)> = module
        .funcs
        .iter()
        .filter(|function| function.name.as_deref().is_some_and(is_never_called))
        .filter_map(|function| match &function.kind {
            FunctionKind::Local(local) => Some((function.id(), local.ty())),
            FunctionKind::Import(_) | FunctionKind::Uninitialized(_) => None,
        })
        .collect();
    for (id, ty) in dead {
        let (params, results) = module.types.params_results(ty);
        let (params, results): (Vec<ValType>, Vec<ValType>) = (params.to_vec(), results.to_vec());
        let mut trap = FunctionBuilder::new(&mut module.types, &params, &results);
        trap.func_body().unreachable();
        let arguments = params.iter().map(|ty| module.locals.add(*ty)).collect();
        module.funcs.get_mut(id).kind = FunctionKind::Local(trap.local_func(arguments));
    }
    Ok(Module::emit_wasm(&mut module))
}

fn is_never_called(mangled: &str) -> bool {
    NEVER_CALLED.iter().any(|part| mangled.contains(part))
}

#[cfg(test)]
mod tests {
    use walrus::{FunctionBuilder, FunctionKind, Module, ValType};

    fn module_with(names: &[&str]) -> Vec<u8> {
        let mut module = Module::default();
        for name in names {
            let mut function = FunctionBuilder::new(&mut module.types, &[ValType::I32], &[ValType::I32]);
            function.name((*name).to_owned()).func_body().i32_const(7);
            let argument = module.locals.add(ValType::I32);
            let id = function.finish(vec![argument], &mut module.funcs);
            module.exports.add(name, id);
        }
        module.emit_wasm()
    }

    #[test]
    fn only_bodies_that_never_run_are_taken_out() {
        let before = module_with(&["_ZN3any13hydrate_async17h1E", "_ZN3any7hydrate17h2E"]);
        let after = super::unused_hydration(&before).expect("a module");
        let module = Module::from_buffer(&after).expect("a valid module");
        let traps: Vec<(String, bool)> = module
            .funcs
            .iter()
            .map(|function| {
                let FunctionKind::Local(local) = &function.kind else { panic!("no imports") };
                let first = &local.block(local.entry_block()).instrs[0].0;
                (function.name.clone().expect("a name"), first.is_unreachable())
            })
            .collect();
        assert!(traps.contains(&("_ZN3any13hydrate_async17h1E".to_owned(), true)), "{traps:?}");
        assert!(traps.contains(&("_ZN3any7hydrate17h2E".to_owned(), false)), "{traps:?}");
    }
}
