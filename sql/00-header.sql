\echo Use "CREATE EXTENSION target_split" to load this file. \quit

