-- Changes of members: other codes, other parents, one in place of two, an end.

-- A code that stands for a member: one that it had, of one that was merged into
-- it, or its own below a parent that it had.
CREATE TABLE @extschema@.member_alias (
	dimension_id integer NOT NULL,
	depth		smallint NOT NULL,
	parent_id	bigint REFERENCES @extschema@.member,
	code		text NOT NULL CHECK (code <> ''),
	member_id	bigint NOT NULL REFERENCES @extschema@.member,
	valid		daterange NOT NULL DEFAULT '(,)' CHECK (NOT pg_catalog.isempty(valid)),
	FOREIGN KEY (dimension_id, depth) REFERENCES @extschema@.dimension_level,
	CHECK ((parent_id IS NULL) = (depth = 1)),
	-- one meaning on any day; a code is compared by its hash
	CONSTRAINT member_alias_one_a_day
		EXCLUDE USING gist (pg_catalog.int4range(dimension_id, dimension_id, '[]') WITH OPERATOR(pg_catalog.&&),
							pg_catalog.int8range(COALESCE(parent_id, 0), COALESCE(parent_id, 0), '[]') WITH OPERATOR(pg_catalog.&&),
							pg_catalog.int8range(pg_catalog.hashtextextended(code, 0) >> 1,
												 pg_catalog.hashtextextended(code, 0) >> 1, '[]') WITH OPERATOR(pg_catalog.&&),
							valid WITH OPERATOR(pg_catalog.&&))
);
COMMENT ON TABLE @extschema@.member_alias IS 'Codes that stand for a member: facts that have them count for it, and people may write them';
COMMENT ON COLUMN @extschema@.member_alias.dimension_id IS 'Dimension';
COMMENT ON COLUMN @extschema@.member_alias.depth IS 'Level of the member, 1 is the top';
COMMENT ON COLUMN @extschema@.member_alias.parent_id IS 'Member one level up that the code is found below; NULL at the top';
COMMENT ON COLUMN @extschema@.member_alias.code IS 'The code, as the source''s column holds it (as text)';
COMMENT ON COLUMN @extschema@.member_alias.member_id IS 'The member that is meant';
COMMENT ON COLUMN @extschema@.member_alias.valid IS 'Days of the facts for which it holds; on other days the code may be a member of its own';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.member_alias', '');
