-- Set-up: metrics, dimensions, members, people, and where actuals are read.

CREATE FUNCTION @extschema@.add_metric(
	name text,
	unit text,
	quantum numeric DEFAULT 0.01,
	additive boolean DEFAULT true,
	direction text DEFAULT 'higher',
	description text DEFAULT NULL
) RETURNS integer
LANGUAGE c
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_add_metric';
COMMENT ON FUNCTION @extschema@.add_metric(text, text, numeric, boolean, text, text) IS
'Adds something that is measured: sales, quantity, cash collected ...; every target is a multiple of quantum; returns its key';

CREATE FUNCTION @extschema@.add_dimension(
	name text,
	levels text[] DEFAULT NULL,
	persons boolean DEFAULT false,
	description text DEFAULT NULL
) RETURNS integer
LANGUAGE c
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_add_dimension';
COMMENT ON FUNCTION @extschema@.add_dimension(text, text[], boolean, text) IS
'Adds a way to cut targets; levels names the levels below the top one, which carries the name of the dimension; returns its key';

CREATE FUNCTION @extschema@.add_member(
	dimension text,
	code text,
	parent text[] DEFAULT NULL,
	name text DEFAULT NULL,
	valid daterange DEFAULT '(,)',
	is_rest boolean DEFAULT false
) RETURNS bigint
LANGUAGE c
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_add_member';
COMMENT ON FUNCTION @extschema@.add_member(text, text, text[], text, daterange, boolean) IS
'Adds a member to a dimension; parent is the path of codes from the top level down to its parent; returns its key';

CREATE FUNCTION @extschema@.add_person(
	name text,
	manager text DEFAULT NULL,
	valid daterange DEFAULT '(,)',
	login name DEFAULT NULL
) RETURNS integer
LANGUAGE c
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_add_person';
COMMENT ON FUNCTION @extschema@.add_person(text, text, daterange, name) IS
'Adds somebody who can own a target; login is the database role the person connects as; returns the key';

CREATE FUNCTION @extschema@.add_source(
	metric text,
	relation regclass,
	occurred_on name,
	amount name,
	dimensions jsonb DEFAULT '{}',
	time_zone text DEFAULT NULL,
	on_conflict text DEFAULT 'later'
) RETURNS TABLE (dimension text, level text, column_name name, members_added bigint)
LANGUAGE c
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_add_source';
COMMENT ON FUNCTION @extschema@.add_source(text, regclass, name, name, jsonb, text, text) IS
'Says where a metric''s actuals are read: a relation, its date and amount columns, and for each dimension a column or the list of its levels'' columns, top level first; dimensions and members that are not known yet are added; on_conflict says what to do about a code with several parents: later (warn, and leave the level without members until import_members is told), error, latest (the parent of its newest fact) or separate (a member of each path)';

CREATE FUNCTION @extschema@.import_members(
	metric text,
	on_conflict text DEFAULT 'error'
) RETURNS TABLE (dimension text, level text, column_name name, members_added bigint)
LANGUAGE c
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_import_members';
COMMENT ON FUNCTION @extschema@.import_members(text, text) IS
'Adds the members found in a source and not known yet; on_conflict says what to do about a code with several parents: error, latest (the parent of its newest fact) or separate (a member of each path)';
