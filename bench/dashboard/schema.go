package main

import (
	"context"
	"database/sql"
	"net/url"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver for making schemas
)

// schema makes a schema of a PostgreSQL, if it is not there, and returns the
// name of the database that it is.
func schema(ctx context.Context, server, name string) (string, error) {
	if err := exec(ctx, server, "CREATE SCHEMA IF NOT EXISTS "+name); err != nil {
		return "", err
	}
	u, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// drop removes the schema of a database that schema named.
func drop(ctx context.Context, server, database string) error {
	u, err := url.Parse(database)
	if err != nil {
		return err
	}
	return exec(ctx, server, "DROP SCHEMA "+u.Query().Get("search_path")+" CASCADE")
}

func exec(ctx context.Context, server, statement string) error {
	db, err := sql.Open("pgx", server)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(ctx, statement)
	return err
}
