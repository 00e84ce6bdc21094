-- The guard: whatever statement writes to target, children add up to their
-- parent afterwards.  It runs with the rights of the table's owner, whoever the
-- caller is, because row-level security must not hide siblings from it and a
-- caller must not be able to write revisions.

CREATE FUNCTION @extschema@.target_guard() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'target_split_target_guard';
COMMENT ON FUNCTION @extschema@.target_guard() IS
	'Refuses statements that leave children that do not add up to their parent; counts children and writes revisions';
REVOKE ALL ON FUNCTION @extschema@.target_guard() FROM PUBLIC;

CREATE TRIGGER target_guard_insert AFTER INSERT ON @extschema@.target
	REFERENCING NEW TABLE AS new_rows
	FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.target_guard();
COMMENT ON TRIGGER target_guard_insert ON @extschema@.target IS 'New children add up to their parent';

CREATE TRIGGER target_guard_update AFTER UPDATE ON @extschema@.target
	REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
	FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.target_guard();
COMMENT ON TRIGGER target_guard_update ON @extschema@.target IS 'Changed and moved children add up to their parents; every change is a revision';

CREATE TRIGGER target_guard_delete AFTER DELETE ON @extschema@.target
	REFERENCING OLD TABLE AS old_rows
	FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.target_guard();
COMMENT ON TRIGGER target_guard_delete ON @extschema@.target IS 'What remains adds up, no child loses its parent, and every deleted row is kept as a revision';

CREATE TRIGGER target_guard_truncate BEFORE TRUNCATE ON @extschema@.target
	FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.target_guard();
COMMENT ON TRIGGER target_guard_truncate ON @extschema@.target IS 'Refuses TRUNCATE';

CREATE TRIGGER plan_calendar_guard AFTER INSERT OR UPDATE OF calendar_id, period ON @extschema@.plan
	FOR EACH ROW EXECUTE FUNCTION @extschema@.calendar_guard();
COMMENT ON TRIGGER plan_calendar_guard ON @extschema@.plan IS 'A plan lies within its calendar''s list of periods, and keeps its calendar once targets are for periods of it';
