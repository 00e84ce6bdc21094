-- Who may do what.  Relations belong to the role that creates the extension,
-- so that an ordinary role can read, dump and restore them.  Functions that
-- write are not for everybody, and belong to that role as well: a dump keeps
-- rights that the owner granted whoever restores it, while rights that came
-- from a grant option are refused when another role does.  All functions run
-- with the caller's rights, so a role also needs rights on the tables.
--
-- Functions that rely on STRICT must not change hands: an owner can undo it.

ALTER TABLE @extschema@.person OWNER TO @extowner@;
ALTER TABLE @extschema@.person_manager OWNER TO @extowner@;
ALTER TABLE @extschema@.metric OWNER TO @extowner@;
ALTER TABLE @extschema@.dimension OWNER TO @extowner@;
ALTER TABLE @extschema@.dimension_level OWNER TO @extowner@;
ALTER TABLE @extschema@.member OWNER TO @extowner@;
ALTER TABLE @extschema@.member_parent OWNER TO @extowner@;
ALTER TABLE @extschema@.member_alias OWNER TO @extowner@;
ALTER TABLE @extschema@.source OWNER TO @extowner@;
ALTER TABLE @extschema@.source_level OWNER TO @extowner@;
ALTER TABLE @extschema@.plan OWNER TO @extowner@;
ALTER TABLE @extschema@.plan_metric OWNER TO @extowner@;
ALTER TABLE @extschema@.split OWNER TO @extowner@;
ALTER TABLE @extschema@.target OWNER TO @extowner@;
ALTER TABLE @extschema@.revision OWNER TO @extowner@;
ALTER TABLE @extschema@.proposal OWNER TO @extowner@;
ALTER TABLE @extschema@.responsibility OWNER TO @extowner@;
ALTER TABLE @extschema@.evaluation_run OWNER TO @extowner@;
ALTER TABLE @extschema@.evaluation OWNER TO @extowner@;
ALTER VIEW @extschema@.member_above OWNER TO @extowner@;
ALTER VIEW @extschema@.moved_path OWNER TO @extowner@;
ALTER VIEW @extschema@.slice_responsibility OWNER TO @extowner@;
ALTER VIEW @extschema@.responsibility_matrix OWNER TO @extowner@;
ALTER VIEW @extschema@.kpi_variance OWNER TO @extowner@;
ALTER VIEW @extschema@.kpi_week OWNER TO @extowner@;
ALTER VIEW @extschema@.target_tree OWNER TO @extowner@;
ALTER VIEW @extschema@.target_wide OWNER TO @extowner@;
ALTER VIEW @extschema@.split_log OWNER TO @extowner@;
ALTER VIEW @extschema@.target_history OWNER TO @extowner@;
ALTER VIEW @extschema@.proposal_gap OWNER TO @extowner@;
ALTER VIEW @extschema@.plan_check OWNER TO @extowner@;

ALTER FUNCTION @extschema@.add_calendar OWNER TO @extowner@;
ALTER FUNCTION @extschema@.load_calendar_days OWNER TO @extowner@;
ALTER FUNCTION @extschema@.add_metric OWNER TO @extowner@;
ALTER FUNCTION @extschema@.add_dimension OWNER TO @extowner@;
ALTER FUNCTION @extschema@.add_member OWNER TO @extowner@;
ALTER FUNCTION @extschema@.add_person OWNER TO @extowner@;
ALTER FUNCTION @extschema@.add_source OWNER TO @extowner@;
ALTER FUNCTION @extschema@.import_members OWNER TO @extowner@;
ALTER FUNCTION @extschema@.rename_member OWNER TO @extowner@;
ALTER FUNCTION @extschema@.merge_member OWNER TO @extowner@;
ALTER FUNCTION @extschema@.move_member OWNER TO @extowner@;
ALTER FUNCTION @extschema@.retire_member OWNER TO @extowner@;
ALTER FUNCTION @extschema@.create_plan OWNER TO @extowner@;
ALTER FUNCTION @extschema@.set_target OWNER TO @extowner@;
ALTER FUNCTION @extschema@.split_target OWNER TO @extowner@;
ALTER FUNCTION @extschema@.unsplit_target OWNER TO @extowner@;
ALTER FUNCTION @extschema@.import_targets OWNER TO @extowner@;
ALTER FUNCTION @extschema@.lock_target OWNER TO @extowner@;
ALTER FUNCTION @extschema@.unlock_target OWNER TO @extowner@;
ALTER FUNCTION @extschema@.over_assign OWNER TO @extowner@;
ALTER FUNCTION @extschema@.adjust_target OWNER TO @extowner@;
ALTER FUNCTION @extschema@.resplit_target OWNER TO @extowner@;
ALTER FUNCTION @extschema@.undo_split OWNER TO @extowner@;
ALTER FUNCTION @extschema@.assign OWNER TO @extowner@;
ALTER FUNCTION @extschema@.evaluate_plan OWNER TO @extowner@;
ALTER FUNCTION @extschema@.create_flat_view OWNER TO @extowner@;
-- so that the owner can GRANT ... ON ALL FUNCTIONS IN SCHEMA
ALTER FUNCTION @extschema@.calendar_guard OWNER TO @extowner@;
ALTER FUNCTION @extschema@.target_guard OWNER TO @extowner@;

REVOKE ALL ON FUNCTION
	@extschema@.add_calendar,
	@extschema@.load_calendar_days,
	@extschema@.add_metric,
	@extschema@.add_dimension,
	@extschema@.add_member,
	@extschema@.add_person,
	@extschema@.add_source,
	@extschema@.import_members,
	@extschema@.rename_member,
	@extschema@.merge_member,
	@extschema@.move_member,
	@extschema@.retire_member,
	@extschema@.create_plan,
	@extschema@.set_target,
	@extschema@.split_target,
	@extschema@.unsplit_target,
	@extschema@.import_targets,
	@extschema@.lock_target,
	@extschema@.unlock_target,
	@extschema@.over_assign,
	@extschema@.adjust_target,
	@extschema@.resplit_target,
	@extschema@.undo_split,
	@extschema@.assign,
	@extschema@.evaluate_plan,
	@extschema@.create_flat_view
FROM PUBLIC;
