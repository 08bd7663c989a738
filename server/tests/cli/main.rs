//! The command line, through the real program, on SQLite and on PostgreSQL.

#![forbid(unsafe_code)]

mod assign;
mod database;
mod failures;
mod files;
mod prevent;
mod program;
mod runs;
mod settings;
mod start;
mod undo;

/// Each scenario on both databases, each time on one of its own.
macro_rules! on_both {
    ($($scenario:path as $name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                let database = crate::database::Database::sqlite().await;
                $scenario(&database).await;
                database.destroy().await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                let database = crate::database::Database::postgres().await;
                $scenario(&database).await;
                database.destroy().await;
            })+
        }
    };
}

on_both! {
    crate::runs::analysis_adds_up_and_has_every_finding as analysis_adds_up_and_has_every_finding,
    crate::runs::a_run_does_what_the_preview_said_and_rollback_restores_every_byte
        as a_run_does_what_the_preview_said_and_rollback_restores_every_byte,
    crate::runs::a_killed_run_is_resumed_and_nothing_is_lost as a_killed_run_is_resumed_and_nothing_is_lost,
    crate::runs::a_dry_run_writes_nothing as a_dry_run_writes_nothing,
    crate::runs::a_detached_run_ends_by_itself as a_detached_run_ends_by_itself,
    crate::runs::a_first_ctrl_c_cancels_the_run as a_first_ctrl_c_cancels_the_run,
    crate::runs::a_run_is_paused_slowed_down_and_resumed as a_run_is_paused_slowed_down_and_resumed,
    crate::runs::a_plan_that_has_drifted_is_refused as a_plan_that_has_drifted_is_refused,
    crate::runs::options_bound_a_run as options_bound_a_run,
    crate::failures::a_refused_row_is_listed_and_tried_again as a_refused_row_is_listed_and_tried_again,
    crate::undo::a_rollback_in_parts_brings_back_every_byte_and_can_be_undone
        as a_rollback_in_parts_brings_back_every_byte_and_can_be_undone,
    crate::undo::a_snapshot_is_listed_and_goes_when_its_retention_is_over
        as a_snapshot_is_listed_and_goes_when_its_retention_is_over,
    crate::undo::a_snapshot_is_restored_and_what_others_wrote_is_told_apart
        as a_snapshot_is_restored_and_what_others_wrote_is_told_apart,
    crate::undo::a_snapshot_outlives_the_journal_and_restores_by_force
        as a_snapshot_outlives_the_journal_and_restores_by_force,
    crate::prevent::prevention_fills_new_rows_says_so_and_goes_again
        as prevention_fills_new_rows_says_so_and_goes_again,
    crate::assign::a_symbol_is_assigned_corrected_and_taken_back as a_symbol_is_assigned_corrected_and_taken_back,
    crate::files::an_import_takes_the_good_lines_and_names_the_bad_ones
        as an_import_takes_the_good_lines_and_names_the_bad_ones,
    crate::files::a_refused_row_leaves_nothing_imported as a_refused_row_leaves_nothing_imported,
    crate::files::demo_refuses_tables_with_rows as demo_refuses_tables_with_rows,
    crate::settings::init_finds_tables_in_any_spelling as init_finds_tables_in_any_spelling,
    crate::settings::init_guesses_nothing as init_guesses_nothing,
    crate::settings::a_rule_of_other_tables_is_found_written_and_goes_the_whole_way
        as a_rule_of_other_tables_is_found_written_and_goes_the_whole_way,
    crate::settings::init_names_the_field_that_it_cannot_use as init_names_the_field_that_it_cannot_use,
    crate::settings::a_bad_rule_of_the_file_is_refused_by_its_field as a_bad_rule_of_the_file_is_refused_by_its_field,
    crate::settings::doctor_has_a_line_for_each_check as doctor_has_a_line_for_each_check,
    crate::settings::tokens_are_made_listed_and_revoked as tokens_are_made_listed_and_revoked,
    crate::settings::empty_tables_end_in_a_sentence_that_says_what_to_do
        as empty_tables_end_in_a_sentence_that_says_what_to_do,
}
