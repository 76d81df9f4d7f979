package main

import (
	"context"
	"errors"
	"fmt"

	"till/models"
)

// books is an open database for a command that ends by itself.
type books struct {
	*outside
	db    *models.DB
	label string // of the database, to be shown
}

// withDatabase runs f with the database that the settings name.
func withDatabase(ctx context.Context, o *outside, f func(b *books) error) (err error) {
	set := readSettings(o.environ)
	name := set.database()
	if err := set.err(); err != nil {
		return err
	}
	db, err := openDatabase(ctx, name, now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return f(&books{o, db, databaseLabel(name)})
}

// say writes a line for people.
func (o *outside) say(format string, args ...any) error {
	_, err := fmt.Fprintf(o.stdout, format+"\n", args...)
	return err
}
