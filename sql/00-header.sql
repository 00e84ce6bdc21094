\echo Use "CREATE EXTENSION target_split" to load this file. \quit


-- The schema may have been there before, with operators of somebody else's that
-- fit better than the server's own.  Nothing below is to be found there by its
-- bare name.
SET LOCAL search_path = pg_catalog, pg_temp;
