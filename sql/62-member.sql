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

CREATE INDEX member_parent_member_idx ON @extschema@.member_parent (member_id);

CREATE VIEW @extschema@.member_above WITH (security_invoker = true) AS
SELECT mp.member_id, COALESCE(later.parent_id, mp.parent_id) AS parent_id, mp.valid AS days
FROM @extschema@.member_parent mp
LEFT JOIN LATERAL (
	SELECT n.parent_id FROM @extschema@.member_parent n
	WHERE n.member_id = mp.member_id AND n.valid >> mp.valid
	  AND NOT EXISTS (SELECT FROM @extschema@.member_parent k
					  WHERE k.member_id = mp.member_id AND k.valid >> mp.valid AND NOT k.valid >> n.valid AND k.history = 'stays')
	ORDER BY n.valid DESC LIMIT 1) later ON mp.valid <> '(,)';
COMMENT ON VIEW @extschema@.member_above IS 'Parents of members on days, as facts and targets have them: where a member moved and its history followed, the later parent on the days before as well';
COMMENT ON COLUMN @extschema@.member_above.member_id IS 'The member';
COMMENT ON COLUMN @extschema@.member_above.parent_id IS 'The member one level up';
COMMENT ON COLUMN @extschema@.member_above.days IS 'Days on which it is';

CREATE VIEW @extschema@.moved_path WITH (security_invoker = true) AS
WITH RECURSIVE way AS (
	SELECT m.member_id, m.member_id AS at_id, m.depth, ARRAY[m.code] AS path, '(,)'::daterange AS days
	FROM @extschema@.member m
	JOIN (SELECT DISTINCT x.dimension_id, x.depth, x.path
		  FROM @extschema@.member_parent mp JOIN @extschema@.member x ON x.member_id = mp.member_id
		  WHERE mp.valid <> '(,)') moved ON moved.dimension_id = m.dimension_id AND moved.path = m.path[1:moved.depth]
	GROUP BY m.member_id
	UNION ALL
	SELECT w.member_id, u.member_id, u.depth, u.code || w.path, w.days * a.days
	FROM way w
	JOIN @extschema@.member_above a ON a.member_id = w.at_id AND a.days && w.days
	JOIN @extschema@.member u ON u.member_id = a.parent_id
)
SELECT w.member_id, w.path, w.days FROM way w WHERE w.depth = 1;
COMMENT ON VIEW @extschema@.moved_path IS 'Codes from the top level down, on days, of the members that moved and of those below them';
COMMENT ON COLUMN @extschema@.moved_path.member_id IS 'The member';
COMMENT ON COLUMN @extschema@.moved_path.path IS 'Codes from the top level down to it';
COMMENT ON COLUMN @extschema@.moved_path.days IS 'Days on which that is its path';

CREATE TYPE @extschema@.member_change AS (
	change		text,
	plan		text,
	metric		text,
	target_id	bigint,
	period		daterange,
	slice_before jsonb,
	slice_after jsonb,
	amount_before numeric,
	amount_after numeric,
	note		text
);
COMMENT ON TYPE @extschema@.member_change IS 'What a change of a member changed, or left to be looked at';
COMMENT ON COLUMN @extschema@.member_change.change IS 'What: member renamed, merged, moved or retired; target renamed, moved, enlarged (by one that was merged into it) or merged; proposals added up (for an enlarged target); target contradicts (the tree of members) or outlives (its member), both as they were; rule changed or dropped';
COMMENT ON COLUMN @extschema@.member_change.plan IS 'Plan as calls name it; NULL for members';
COMMENT ON COLUMN @extschema@.member_change.metric IS 'Metric; NULL for members and rules';
COMMENT ON COLUMN @extschema@.member_change.target_id IS 'Target; NULL for members and rules';
COMMENT ON COLUMN @extschema@.member_change.period IS 'Days the target is for';
COMMENT ON COLUMN @extschema@.member_change.slice_before IS 'Slice of the member, target or rule before';
COMMENT ON COLUMN @extschema@.member_change.slice_after IS 'The same afterwards; NULL if it is gone';
COMMENT ON COLUMN @extschema@.member_change.amount_before IS 'Amount of the target, or latest proposal for it, before, in the metric''s unit; NULL for none';
COMMENT ON COLUMN @extschema@.member_change.amount_after IS 'The same afterwards; NULL if it is gone';
COMMENT ON COLUMN @extschema@.member_change.note IS 'Of a rule its role and person, of a merged target the one that has its amount now';

CREATE FUNCTION @extschema@.rename_member(
	dimension text,
	member text,
	new_code text,
	reason text DEFAULT NULL
) RETURNS SETOF @extschema@.member_change
LANGUAGE c
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_rename_member';
COMMENT ON FUNCTION @extschema@.rename_member(text, text, text, text) IS
'Gives a member another code; facts with the old one still count for it, and targets and rules that name it change with it; member is its code, or its path as a JSON array';

CREATE FUNCTION @extschema@.merge_member(
	dimension text,
	member text,
	into_member text,
	reason text DEFAULT NULL
) RETURNS SETOF @extschema@.member_change
LANGUAGE c
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_merge_member';
COMMENT ON FUNCTION @extschema@.merge_member(text, text, text, text) IS
'Makes one of two members of a level: facts, children, targets and rules of the first are the second''s from now on; amounts of targets that both have below one parent are added up; every sum stays';

CREATE FUNCTION @extschema@.move_member(
	dimension text,
	member text,
	new_parent text,
	from_day date,
	history text,
	reason text DEFAULT NULL
) RETURNS SETOF @extschema@.member_change
LANGUAGE c
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_move_member';
COMMENT ON FUNCTION @extschema@.move_member(text, text, text, date, text, text) IS
'Gives a member another parent from a day on; history says whose its past facts are: the new parent''s (follows) or, before from_day, the old one''s (stays); targets stay, and those that contradict the tree from that day on are returned';

CREATE FUNCTION @extschema@.retire_member(
	dimension text,
	member text,
	last_day date,
	reason text DEFAULT NULL
) RETURNS SETOF @extschema@.member_change
LANGUAGE c
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_retire_member';
COMMENT ON FUNCTION @extschema@.retire_member(text, text, date, text) IS
'Ends a member and those below it on a day; targets stay, and those that go on after it are returned';
