//! The names of all cases, and the macro that makes a test of each.

/// Makes every case of the suite a test of the calling crate. The argument is the path of a
/// `fn() -> Subject`. Cases of the first list of a subject go over the suite's tables and, in the module
/// `second_rule`, over those of [`Tables::Trades`](crate::Tables::Trades); cases listed `once` make tables
/// of their own, are about names, or touch no rows of a rule.
#[macro_export]
macro_rules! conformance {
    ($subject:path) => {
        $crate::each_list! { first $subject }
        mod second_rule {
            $crate::each_list! { second $subject }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! each_list {
    ($which:ident $subject:path) => {
        $crate::each_case! { $which $subject,
            assignments: [] once [
                an_assignment_is_kept_replaced_and_taken_away,
                assignments_belong_to_one_rule,
                every_value_that_the_reference_gives_is_told_for_each_match,
                matches_with_one_value_are_known_whatever_is_assigned,
                rows_are_counted_by_the_value_of_their_own_venue,
                work_is_listed_with_its_match_columns_and_without_what_is_decided,
                the_table_of_assignments_takes_one_decision_a_match,
            ]
            assignments_reference: [] once [
                an_orphan_with_an_alias_is_filled_by_a_run,
                a_choice_decides_what_the_reference_leaves_open,
                taking_an_alias_back_makes_an_orphan_again,
                what_is_assigned_between_two_chunks_is_seen_by_the_second,
                a_reference_that_comes_to_speak_for_itself_comes_first,
                a_choice_counts_while_a_row_gives_it,
                an_alias_gives_what_the_reference_says_at_the_time,
                an_alias_is_never_followed_through_another_assignment,
                a_run_under_assignments_and_its_rollback_are_the_identity,
                an_alias_of_several_columns_needs_each_of_them,
                an_alias_into_a_reference_much_larger_than_the_table_is_found,
            ]
            backups: [
                a_run_has_one_copy_however_often_it_is_asked_for,
                runs_that_ended_before_are_listed_with_what_they_hold,
                a_journal_is_dropped_in_parts_and_only_of_a_marked_run,
                a_marked_run_cannot_be_undone_and_one_being_undone_not_marked,
            ] once [
                a_copy_has_every_key_and_value_and_is_listed_with_its_size,
                a_copy_that_cannot_be_made_leaves_nothing_behind,
                a_copy_dropped_by_hand_is_no_longer_listed,
                names_with_quotes_spaces_and_capitals_can_be_copied_and_dropped,
            ]
            bulk: [] once [
                rows_are_there_after_the_commit,
                dropped_without_commit_nothing_was_there,
                rows_are_added_to_tables_that_are_there,
                a_row_that_is_refused_fails_the_import,
                an_empty_batch_is_no_trouble,
                the_default_rule_goes_the_whole_way_over_these_tables,
            ]
            catalog: [] once [
                migrations_are_applied_once,
                the_server_says_what_it_is,
                tables_of_amend_and_of_the_system_are_not_listed,
                a_table_is_found_by_its_exact_spelling_alone,
                columns_come_in_their_order_with_type_and_nullability,
                keys_are_the_primary_key_first_then_unique_sets_without_nulls,
                indexes_are_listed_by_their_leading_columns,
                a_table_has_rows_or_has_none,
                the_different_values_of_a_column_are_told_up_to_a_limit,
                the_owner_of_a_table_may_update_it,
                the_right_to_update_is_asked_for_the_column,
                what_the_database_alone_writes_or_only_shows_is_remarked,
            ]
            correct: [
                fill_changes_missing_rows_alone,
                overwrite_changes_mismatched_and_variant_rows_too,
                what_needs_a_person_is_never_written,
                a_chunk_changes_no_more_rows_than_its_limit,
                a_chunk_looks_at_no_more_rows_than_its_limit,
                chunks_of_any_size_end_at_the_same_table,
                each_chunk_adds_to_the_runs_counters_and_moves_its_cursor,
                a_worker_goes_on_where_the_stored_cursor_says,
                untouched_columns_have_the_same_digest_before_and_after,
                a_scope_changes_its_symbols_alone,
                a_scope_that_names_no_row_changes_nothing,
                a_rehearsal_counts_and_writes_nothing,
                a_whole_rehearsal_counts_what_the_run_then_changes,
                an_old_fence_is_refused_and_nothing_is_written,
                a_run_that_is_over_writes_no_more,
                a_chunk_says_the_state_that_a_person_asked_for,
                a_second_run_changes_nothing,
                a_table_without_rows_is_done_at_once,
                the_reference_is_read_in_each_chunks_own_transaction,
            ] once [
                rows_that_arrive_behind_the_cursor_are_found_by_another_walk,
            ]
            engine_assignments: [] once [
                what_is_assigned_is_corrected_by_the_next_run,
                a_walk_by_blocks_goes_by_what_is_assigned,
                every_act_and_every_refusal_is_audited,
                what_would_be_a_guess_is_refused_with_the_field_at_fault,
                a_plan_from_before_an_assignment_starts_no_run,
                nothing_is_assigned_while_a_run_is_active,
                each_assignment_says_how_it_does_now,
                work_items_come_with_suggestions_that_can_be_assigned,
                rows_of_the_same_venue_suggest_its_value,
                what_another_rule_assigned_is_only_suggested,
                prevention_says_that_it_goes_by_the_reference_alone,
            ]
            engine_backups: [
                a_dry_run_makes_no_snapshot,
                a_name_that_is_too_long_is_refused_before_the_run,
                overwriting_without_a_backup_needs_a_rule_that_allows_it,
                retention_drops_journal_and_copy_of_old_runs_alone,
                a_purged_run_says_that_it_cannot_be_rolled_back,
                a_run_that_is_being_rolled_back_keeps_its_journal,
                failed_rows_go_with_the_retention_of_their_run,
            ] once [
                a_snapshot_holds_what_stood_there_before_the_run,
                a_run_whose_snapshot_cannot_be_made_writes_nothing,
            ]
            engine_chaos: [
                writers_and_crashes_in_any_order_lose_nothing,
            ] once []
            engine_failures: [
                chunks_are_as_large_as_before_once_the_refused_row_is_through,
                refused_rows_are_not_tried_again_by_the_sweep,
                rows_that_failed_are_tried_again_by_a_run_of_their_own,
                a_retry_needs_the_right_to_run_and_rows_that_failed,
                a_dry_run_counts_what_would_be_refused,
                a_table_that_refuses_every_row_opens_the_breaker_and_what_is_committed_stays,
                a_table_that_refuses_every_row_opens_the_breaker_of_a_walk_by_blocks,
                serialization_failures_are_retried_until_everything_is_done,
            ] once [
                sessions_that_are_cut_in_the_middle_of_a_chunk_lose_and_repeat_nothing,
                sessions_that_are_cut_under_a_walk_by_blocks_lose_and_repeat_nothing,
                a_chunk_that_loses_a_deadlock_is_tried_again,
            ]
            engine_faults: [] once [
                a_chunk_that_dies_at_any_await_is_there_whole_or_not_at_all,
                a_restore_that_dies_at_any_await_is_there_whole_or_not_at_all,
                a_run_that_dies_at_any_await_is_taken_over_and_undone_exactly,
            ]
            engine_refusals: [
                numbers_that_drifted_since_the_preview_stop_the_run_before_its_first_write,
                an_approval_of_other_options_is_refused,
                a_second_run_of_a_rule_is_refused_while_the_first_is_active,
                who_may_not_run_is_refused_and_the_refusal_is_logged,
                tables_that_a_rule_cannot_use_are_refused_with_advice,
                a_user_who_may_only_read_can_preview_and_not_run,
                a_row_that_a_trigger_refuses_fails_the_run_and_everything_else_is_done,
                a_trigger_that_touches_another_column_ends_the_run_at_that_chunk,
                columns_that_triggers_keep_are_left_to_them,
                a_locked_table_is_waited_for_and_then_corrected,
                a_table_that_stays_locked_fails_the_run_with_nothing_changed,
                a_reference_emptied_before_the_worker_came_changes_nothing,
            ] once []
            engine_rollbacks: [
                a_rollback_of_a_row_that_came_full_circle_comes_to_its_end,
                a_rollback_of_a_rollback_restores_what_the_correction_wrote,
                a_run_whose_rollback_was_undone_can_be_rolled_back_again,
                undoing_a_rollback_leaves_what_others_wrote_since,
                what_a_partial_rollback_left_is_counted_and_rolled_back_later,
                a_rollback_that_was_undone_in_part_stays_in_force,
                a_plan_of_a_rollback_tells_what_was_written_over_what,
                a_scope_out_of_bounds_is_refused_by_its_field,
            ] once []
            engine_rules: [] once [
                a_rule_is_not_changed_under_its_active_run,
                a_rule_whose_runs_can_be_undone_keeps_its_rows,
                a_rule_is_made_once_and_then_changed_with_a_line_in_the_log,
                a_rule_that_does_not_fit_is_refused_at_its_field_and_not_saved,
                a_rule_of_the_settings_file_is_changed_there_alone,
                a_retired_rule_starts_no_run_and_its_runs_can_be_undone,
                a_rule_whose_table_is_gone_can_be_retired,
                match_columns_stay_while_something_is_assigned_by_them,
                a_trial_tells_sizes_walk_and_what_keeps_runs_from_starting,
                values_of_the_reference_are_told_to_who_may_change_rules,
            ]
            engine_runs: [
                a_run_corrects_proves_and_remembers,
                a_fill_leaves_other_values_alone_and_passes,
                a_run_does_what_its_plan_said,
                a_rollback_is_a_proven_run_of_its_own,
                a_dry_run_counts_and_changes_nothing,
                a_limit_of_rows_is_kept_to_the_row,
                a_cancelled_run_keeps_whole_chunks_that_can_be_rolled_back,
                a_queued_run_that_nobody_took_is_cancelled_at_once,
                progress_is_shown_live_and_never_runs_backwards,
                a_rollback_with_stop_does_not_start_over_a_conflict,
            ] once [
                a_verdict_names_examples_of_what_it_counts,
            ]
            engine_schedules: [] once [
                random_schedules_lose_nothing_journal_once_and_undo_to_the_byte,
            ]
            engine_sharing: [] once [
                a_second_server_works_along_and_the_run_is_proven,
                nobody_who_works_along_writes_to_a_run_that_was_cancelled,
                a_server_that_worked_along_takes_over_when_the_leader_dies,
            ]
            engine_slow: [] once [
                rows_that_take_longer_than_a_chunk_may_are_done_alone_with_more_time,
                a_step_of_a_slice_that_runs_into_its_limit_gets_more_time,
                a_table_that_is_slow_in_every_row_ends_no_run,
            ]
            engine_snapshots: [
                a_run_then_its_snapshot_restored_is_the_identity,
                a_second_restore_has_nothing_to_do,
                a_restore_rolled_back_itself_is_the_identity,
                what_others_changed_stays_unless_it_is_forced_and_can_stop_the_restore,
                rows_that_are_gone_stay_gone_and_rows_born_since_stay_as_they_are,
                a_preview_counts_and_shows_what_a_restore_does,
                a_dry_restore_counts_and_writes_nothing,
                all_that_amend_wrote_since_goes_back_whichever_run_it_was,
                without_a_journal_nothing_is_restored_unless_it_is_forced,
                a_part_of_a_snapshot_is_restored_alone,
                rows_that_refuse_their_old_value_are_listed_and_tried_again,
                a_snapshot_being_restored_is_not_purged,
            ] once [
                a_snapshot_that_is_gone_or_fits_no_more_is_refused_with_its_reason,
                a_snapshot_dropped_before_its_restore_begins_fails_it_and_changes_nothing,
                a_restore_in_many_chunks_is_paused_and_resumed_where_it_was,
            ]
            engine_steer: [] once [
                a_paused_run_stands_still_and_resumed_it_ends_proven,
                a_pause_lets_at_most_the_chunk_in_flight_commit,
                a_paused_run_that_is_cancelled_is_over_at_once,
                a_run_whose_worker_died_while_pausing_ends_up_paused,
                a_rollback_is_paused_and_resumed_too,
                what_cannot_be_paused_or_resumed_is_refused_with_its_state,
                a_pace_of_zero_holds_a_run_until_it_is_raised,
                a_pace_of_a_tenth_rests_nine_times_as_long_as_it_works,
                a_resting_run_is_woken_by_a_new_pace_a_pause_and_a_cancel,
                a_run_shared_by_several_lanes_is_paused_held_and_resumed_as_one,
            ]
            engine_takeover: [] once [
                a_run_whose_worker_was_killed_is_taken_over_and_ends_right,
                a_run_survives_several_killed_workers_in_a_row,
                a_rollback_whose_worker_was_killed_is_taken_over_too,
                a_restore_whose_worker_was_killed_is_taken_over_too,
                a_worker_that_is_alive_is_left_alone,
                of_many_engines_that_want_a_run_one_drives_it,
                a_run_killed_before_its_first_chunk_starts_where_it_was,
            ]
            engine_undo: [] once [
                a_large_run_is_undone_redone_and_undone_by_the_places_of_its_rows,
                rows_that_moved_since_are_restored_and_what_others_wrote_stays,
                a_table_that_was_written_anew_is_restored_by_keys,
                conflicts_of_a_large_rollback_can_be_forced_or_stop_it,
                a_part_told_by_values_is_undone_by_places_and_the_rest_later,
                rows_that_others_hold_during_a_large_rollback_are_restored_once_they_are_free,
                a_killed_rollback_is_taken_over_and_no_row_is_restored_twice,
                a_large_rollback_is_paused_resumed_cancelled_and_begun_again,
                a_row_that_refuses_its_old_value_does_not_end_a_rollback,
                rows_refused_in_a_large_rollback_are_found_among_thousands,
                a_table_that_refuses_every_old_value_opens_the_breaker,
                a_dry_rollback_counts_what_would_be_refused,
            ]
            engine_walks: [
                a_large_table_is_corrected_proven_and_restored_to_the_byte,
                a_second_run_by_blocks_changes_nothing,
                the_run_says_how_it_walked_and_what_that_did_to_the_files,
                every_chunk_of_a_walk_by_blocks_has_a_number_of_its_own,
                rows_that_others_hold_are_passed_over_and_found_by_the_sweep,
                rows_that_arrive_during_the_walk_are_found_by_the_sweep,
                a_killed_walk_by_blocks_is_taken_over_and_no_row_is_journalled_twice,
                a_cancelled_walk_by_blocks_leaves_whole_chunks_that_roll_back,
                a_row_that_a_trigger_refuses_is_met_by_key_and_listed,
                only_what_the_reference_decides_is_written_by_blocks,
            ] once []
            engine_walks_shapes: [] once [
                partitions_are_walked_each_by_its_own_blocks,
                cache_load_and_order_of_the_key_are_looked_at,
                a_value_that_decides_the_partition_is_walked_by_key,
                a_corrected_column_with_an_index_is_walked_without_stripes,
                an_expression_over_the_column_in_an_index_counts_too,
                tables_that_inherit_are_walked_by_key,
                keys_of_any_type_spread_over_the_stripes,
                dry_runs_limits_and_scopes_go_by_key,
            ]
            failures: [
                a_refused_row_is_listed_with_its_error_and_passed_over,
                a_listed_row_is_no_candidate_until_its_value_changes,
                a_row_that_is_refused_with_another_value_counts_another_attempt,
                a_listed_row_that_needs_no_correction_does_not_stand,
                nothing_is_listed_where_no_row_is_to_be_changed,
                a_rehearsed_refusal_lists_nothing,
                an_old_fence_lists_nothing,
                a_scope_of_failed_rows_holds_these_alone,
                a_list_of_failed_rows_is_dropped_of_a_marked_run_alone,
            ] once [
                keys_of_any_kind_are_listed_and_found_again,
            ]
            findings: [
                a_value_that_the_reference_has_is_correct,
                a_null_value_is_missing,
                an_empty_value_is_missing,
                every_unicode_white_space_alone_is_missing,
                what_only_looks_like_white_space_is_a_value,
                another_value_is_mismatched,
                another_letter_case_is_a_variant,
                surrounding_white_space_is_a_variant,
                the_reference_may_itself_carry_white_space,
                letter_case_is_folded_in_ascii_alone,
                composed_and_decomposed_letters_are_different_texts,
                a_symbol_without_a_reference_row_is_an_orphan,
                matching_is_exact_in_case_and_space,
                an_empty_match_value_matches_an_empty_one,
                a_null_match_column_is_an_orphan_even_beside_a_null_reference,
                reference_rows_that_disagree_are_ambiguous,
                reference_rows_that_differ_by_case_or_space_alone_disagree,
                an_allowed_and_a_forbidden_reference_value_disagree,
                reference_rows_that_agree_are_not_ambiguous,
                a_blank_reference_row_is_passed_over_where_another_has_a_value,
                a_reference_of_blank_values_alone_is_unresolvable,
                a_reference_value_that_is_not_allowed_is_unresolvable,
                an_empty_list_of_allowed_values_allows_any_that_is_not_blank,
                allowed_values_may_hold_quotes_and_commas,
            ] once []
            findings_matrix: [] once [
                sql_and_the_domain_classify_every_combination_alike,
                a_correction_of_every_combination_leaves_only_what_needs_a_person,
                a_collation_blind_to_case_does_not_make_matching_or_comparing_blind,
                sql_and_the_domain_settle_every_assignment_alike,
            ]
            interruptions: [] once [
                a_statement_past_its_time_limit_is_undone_whole,
                a_chunk_whose_worker_goes_away_is_there_whole_or_not_at_all,
                a_restore_whose_worker_goes_away_is_there_whole_or_not_at_all,
                a_takeover_in_the_middle_of_a_chunk_writes_nothing_twice,
            ]
            large: [
                a_scope_may_name_more_symbols_than_a_statement_has_parameters,
                a_cursor_that_is_none_of_the_stores_own_is_refused,
            ] once [
                long_values_and_long_symbols_are_corrected_and_come_back,
                one_chunk_takes_more_rows_than_a_statement_has_parameters,
            ]
            leases: [] once [
                a_lease_keeps_others_out_until_it_is_over,
                a_takeover_is_counted_and_a_renewal_by_the_same_owner_is_not,
                a_heartbeat_prolongs_a_lease,
                after_a_takeover_the_old_lease_can_do_nothing,
                a_released_lease_is_free_at_once,
                of_eight_workers_at_once_one_gets_the_lease,
                claimable_are_active_runs_that_nobody_works_on,
                a_second_server_goes_on_with_a_run_whose_worker_died,
            ]
            memory: [] once [
                rules_are_read_back_as_they_were_saved,
                saving_a_rule_again_replaces_it,
                the_last_analysis_is_read_back_whole,
                the_trend_is_read_oldest_first_since_a_time,
            ]
            names: [] once [
                integer_keys_may_be_negative_and_very_large,
                text_keys_may_hold_quotes_newlines_backslashes_commas_and_other_scripts,
                uuid_keys_work,
                time_and_number_keys_work,
                keys_of_several_columns_work_in_the_rules_own_order,
                names_in_mixed_case_are_quoted_as_the_database_spells_them,
                names_may_be_reserved_words,
                names_may_hold_spaces_quotes_and_placeholders,
                names_may_be_those_that_a_query_would_use_for_itself,
                one_table_may_be_target_and_reference_of_one_rule,
                tables_may_lie_in_a_schema_that_is_not_searched,
                value_and_match_columns_may_differ_in_their_text_type,
                tables_without_row_numbers_or_with_partitions_work,
            ]
            people: [] once [
                users_are_created_once_and_read_back,
                a_password_changes_for_its_user_alone,
                a_session_is_good_until_it_expires,
                a_session_ends_when_it_is_deleted,
                expired_sessions_are_swept_and_others_kept,
                a_token_is_found_by_its_hash_until_it_expires,
                tokens_are_listed_and_deleted_by_name,
                the_audit_log_is_read_newest_first,
            ]
            prevention: [
                fill_gives_a_missing_value_and_leaves_every_other_row_alone,
                many_rows_of_one_statement_are_each_filled,
                refuse_takes_nothing_but_the_references_value,
                a_run_and_its_rollback_pass_it_and_restore_every_byte,
                off_takes_everything_off_again,
                the_sql_that_is_shown_is_what_is_run,
                a_rule_that_has_changed_is_said_and_installed_anew,
                a_rule_that_does_not_fit_is_refused_with_its_fault,
                a_table_that_is_never_free_is_told_as_locked,
                a_check_holds_for_new_rows_first_and_then_for_all,
            ] once [
                a_trigger_of_somebody_else_is_never_replaced,
                a_trigger_put_in_the_place_of_ours_stays_when_ours_is_taken_off,
                names_that_need_quotes_are_guarded_too,
                writers_without_rights_on_amends_tables_are_served_by_it,
            ]
            reference: [] once [
                what_the_stores_own_import_adds_is_seen_by_the_next_chunk,
                rules_that_share_a_reference_keep_their_own_allowed_values,
                a_chunk_sees_what_the_chunk_before_wrote_into_its_own_reference,
                a_trigger_that_changes_the_reference_is_seen_by_the_next_chunk,
                a_chunk_that_was_undone_leaves_no_memory_of_the_reference,
                a_reference_much_larger_than_the_table_resolves_the_same,
                a_row_that_was_written_twice_comes_back_to_what_it_was,
            ]
            restore: [
                a_rollback_brings_back_the_table_as_it_was,
                a_rollback_of_a_fill_brings_back_the_table_as_it_was,
                chunks_of_any_size_bring_back_the_same_table,
                a_null_comes_back_as_null_and_a_blank_as_the_same_blank,
                old_values_with_quotes_newlines_and_other_scripts_come_back,
                a_rollback_journals_what_it_wrote,
                a_rollback_can_itself_be_rolled_back,
                a_second_rollback_finds_every_row_original,
                a_scope_restores_its_symbols_alone,
                a_rehearsed_rollback_counts_and_writes_nothing,
                a_rollback_goes_on_where_the_stored_cursor_says,
                an_old_fence_restores_nothing,
                a_run_that_changed_nothing_is_rolled_back_at_once,
            ] once []
            restore_conflicts: [
                counts_tell_restorable_original_changed_and_deleted_rows_apart,
                samples_show_rows_of_each_kind,
                skip_leaves_what_others_changed,
                force_writes_the_old_value_over_what_others_changed,
                stop_commits_nothing_of_a_step_with_a_conflict,
                stop_without_a_conflict_restores_everything,
                counts_and_the_rollback_agree,
                a_table_emptied_since_has_only_deleted_rows,
            ] once []
            restore_refusals: [] once [
                a_refused_row_is_listed_and_passed_over_until_it_changes,
                a_row_that_is_no_longer_to_be_restored_is_not_listed,
                a_rehearsed_refusal_and_an_old_fence_list_nothing,
                keys_of_several_columns_are_listed_one_by_one,
            ]
            restore_scopes: [
                old_values_name_their_rows_and_null_is_one_of_them,
                new_values_name_their_rows,
                a_pair_is_an_old_and_a_new_value_at_once,
                chunks_name_the_rows_that_they_wrote,
                row_keys_name_single_rows,
                lists_of_a_scope_hold_all_at_once,
                a_deleted_row_is_told_by_every_scope_that_the_journal_can_answer,
                conflict_choices_hold_within_a_scope,
            ] once [
                keys_of_several_columns_are_named_as_rows_show_them,
            ]
            rows: [
                pages_of_any_size_show_every_row_once_in_every_order,
                rows_come_in_the_order_that_was_asked_for,
                each_filter_alone_and_all_together_show_what_passes,
                the_count_of_rows_agrees_with_the_rows,
                a_filter_with_quotes_and_wildcards_is_taken_to_the_letter,
                a_full_last_page_is_the_end,
                a_table_without_rows_gives_one_empty_page,
                corrected_rows_leave_a_filtered_walk_without_losing_others,
            ] once []
            runs: [] once [
                a_new_correction_is_read_back_as_it_was_created,
                a_new_rollback_is_read_back_with_the_run_it_undoes,
                a_run_that_is_not_there_is_none,
                a_rule_has_at_most_one_active_run,
                every_active_state_holds_the_rules_place_and_no_other_does,
                of_eight_creators_at_once_one_gets_the_place,
                a_state_changes_only_from_where_it_is_asked_to,
                a_workers_transition_that_does_not_hold_writes_nothing,
                an_empty_patch_leaves_the_run_as_it_is,
                everything_that_a_worker_writes_is_read_back,
                a_run_says_which_finished_rollback_undid_it,
                events_are_read_in_order_from_where_one_left_off,
                events_of_several_writers_at_once_are_all_kept,
            ]
            runs_list: [] once [
                runs_are_listed_newest_first,
                pages_of_runs_show_each_once_even_within_one_second,
                runs_are_filtered_by_rule_state_and_kind,
            ]
            summary: [
                groups_add_up_to_the_whole_table,
                a_proposal_stands_exactly_where_the_reference_resolves,
                each_dimension_counts_every_row_once,
                a_rule_without_dimensions_or_time_has_none_in_its_summary,
                first_and_last_seen_are_the_groups_own,
                referenced_and_unused_symbols_are_counted_without_nulls,
                a_scope_counts_its_symbols_alone,
                a_table_without_rows_gives_an_empty_summary,
                a_reference_without_rows_makes_every_row_an_orphan,
                several_match_columns_match_all_together_and_are_shown_joined,
                match_columns_may_be_numbers,
                what_the_reference_cannot_decide_is_listed_with_its_candidates,
            ] once []
            throttle: [] once [
                nothing_waits_for_a_table_that_nobody_uses,
                a_table_that_is_not_there_is_named,
                sessions_that_wait_for_the_table_or_its_rows_are_counted,
                a_vacuum_by_hand_and_a_quiet_lock_are_no_pressure,
                a_session_that_is_busy_is_counted_as_active,
                a_pace_is_kept_for_as_long_as_the_run_is_active,
                out_of_the_box_nothing_holds_a_run,
                a_session_that_waits_for_a_lock_holds_the_run_until_it_is_served,
                a_signal_that_cannot_be_observed_holds_the_run_until_it_is_switched_off,
                a_run_outside_its_window_is_held_and_can_be_paused,
            ]
            trouble: [
                a_row_that_another_writer_holds_is_passed_over_or_the_chunk_is_refused_whole,
                a_row_that_was_passed_over_is_corrected_by_the_next_walk,
                a_locked_table_is_reported_within_the_lock_timeout,
                a_trigger_that_refuses_one_row_undoes_the_whole_chunk,
                a_trigger_that_touches_another_column_shows_in_the_digests,
                a_busy_writer_beside_the_run_never_loses_its_values,
            ] once [
                a_constraint_that_refuses_one_row_undoes_the_whole_chunk,
            ]
            trouble_rights: [
                a_missing_table_or_column_is_named_and_nothing_is_changed,
                a_missing_dimension_or_time_column_is_named,
                a_user_who_may_only_read_can_look_and_is_refused_to_write,
                a_user_without_rights_on_amends_own_tables_cannot_create_a_run,
            ] once []
            properties: [
                a_run_and_its_rollback_are_the_identity,
                a_second_run_changes_nothing,
                rows_changed_are_rows_journalled_and_the_drop_in_findings,
                untouched_columns_and_rows_that_need_a_person_stay_as_they_are,
                the_summary_and_the_pages_equal_a_naive_model,
                a_scoped_run_and_its_rollback_leave_all_other_rows_alone,
                a_rollback_after_meddling_keeps_what_others_wrote,
                rollbacks_of_all_disjoint_scopes_are_the_rollback_of_the_whole,
                random_tables_hold_every_kind_of_finding,
            ] once []
        }
    };
}
