-- Who may do what.  Relations belong to the role that creates the extension,
-- so that an ordinary role can read, dump and restore them.  Functions that
-- write are not for everybody; all functions run with the caller's rights, so
-- a role also needs rights on the tables.

ALTER TABLE @extschema@.person OWNER TO @extowner@;
ALTER TABLE @extschema@.person_manager OWNER TO @extowner@;
ALTER TABLE @extschema@.metric OWNER TO @extowner@;
ALTER TABLE @extschema@.dimension OWNER TO @extowner@;
ALTER TABLE @extschema@.dimension_level OWNER TO @extowner@;
ALTER TABLE @extschema@.member OWNER TO @extowner@;
ALTER TABLE @extschema@.member_parent OWNER TO @extowner@;
ALTER TABLE @extschema@.source OWNER TO @extowner@;
ALTER TABLE @extschema@.source_level OWNER TO @extowner@;
ALTER TABLE @extschema@.plan OWNER TO @extowner@;
ALTER TABLE @extschema@.plan_metric OWNER TO @extowner@;
ALTER TABLE @extschema@.split OWNER TO @extowner@;
ALTER TABLE @extschema@.target OWNER TO @extowner@;
ALTER TABLE @extschema@.revision OWNER TO @extowner@;
ALTER TABLE @extschema@.responsibility OWNER TO @extowner@;
ALTER TABLE @extschema@.evaluation_run OWNER TO @extowner@;
ALTER TABLE @extschema@.evaluation OWNER TO @extowner@;
ALTER VIEW @extschema@.responsibility_matrix OWNER TO @extowner@;
ALTER VIEW @extschema@.kpi_variance OWNER TO @extowner@;
ALTER VIEW @extschema@.target_tree OWNER TO @extowner@;
ALTER VIEW @extschema@.target_wide OWNER TO @extowner@;
ALTER VIEW @extschema@.split_log OWNER TO @extowner@;
ALTER VIEW @extschema@.plan_check OWNER TO @extowner@;

REVOKE ALL ON FUNCTION
	@extschema@.add_calendar,
	@extschema@.add_metric,
	@extschema@.add_dimension,
	@extschema@.add_member,
	@extschema@.add_person,
	@extschema@.add_source,
	@extschema@.import_members,
	@extschema@.create_plan,
	@extschema@.set_target,
	@extschema@.split_target,
	@extschema@.unsplit_target,
	@extschema@.assign,
	@extschema@.evaluate_plan,
	@extschema@.create_flat_view
FROM PUBLIC;

GRANT EXECUTE ON FUNCTION
	@extschema@.add_calendar,
	@extschema@.add_metric,
	@extschema@.add_dimension,
	@extschema@.add_member,
	@extschema@.add_person,
	@extschema@.add_source,
	@extschema@.import_members,
	@extschema@.create_plan,
	@extschema@.set_target,
	@extschema@.split_target,
	@extschema@.unsplit_target,
	@extschema@.assign,
	@extschema@.evaluate_plan,
	@extschema@.create_flat_view
TO @extowner@ WITH GRANT OPTION;
