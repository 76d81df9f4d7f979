package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"till/models"
	"till/providers"
)

type verifyCmd struct{}

// Help is the manual page.
func (verifyCmd) Help() string {
	return `Reads the database that TILL_DATABASE names, and proves that what is stored there follows from the ledger:

    payments  the balances are what the facts come to, and no more goes back than
              was taken
    orders    status and attention are what the payments and the inbox come to; at
              most one payment is under way, and one mail says that it is paid
    inbox     all that a person must look at is in it, and nothing else

It prints a line for everything that is otherwise, and what it has looked at. It changes nothing, and may be run beside
"till serve"; orders are read some hundred at a time.

Settings: TILL_DATABASE, a file (till.db) or postgres://user:password@host/name.

Examples:

    till verify
    TILL_DATABASE=copy.db till verify

Exit status: 0 all is well; 1 something is not, or the database could not be read; 2 the setting must be changed first.`
}

// Run verifies and ends.
func (verifyCmd) Run(ctx context.Context, o *outside) (err error) {
	set := readSettings(o.environ)
	name := set.database()
	if err := set.err(); err != nil {
		return err
	}
	label := databaseLabel(name)
	db, err := openAsItIs(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	sum, err := db.Verify(ctx, func(f models.Finding) error {
		at := "no order"
		if f.Order != 0 {
			at = fmt.Sprintf("order %d", f.Order)
		}
		return o.say("%s: %s: expected %s, found %s", at, f.What, f.Expected, f.Found)
	})
	if errors.Is(err, models.ErrOldSchema) {
		return fmt.Errorf(`%s is not at this version; "till migrate" brings it there`, label)
	}
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", label, err)
	}
	err = o.say("Read %s, %s, %s and %s of the inbox in %s.", number(sum.Orders, "order"), number(sum.Payments, "payment"),
		number(sum.Facts, "fact"), number(sum.Items, "item"), label)
	switch {
	case err != nil:
		return err
	case sum.Findings > 0:
		return fmt.Errorf("%s: %s", label, number(sum.Findings, "finding"))
	}
	return o.say("All is well.")
}

// openAsItIs opens a database that is there, and does not bring it to this
// version.
func openAsItIs(ctx context.Context, name providers.Secret) (*models.DB, error) {
	shown := databaseLabel(name)
	if !models.IsPostgres(string(name)) { // which would be made, empty
		if info, err := os.Stat(string(name)); errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
			return nil, fmt.Errorf("there is no database %s", shown)
		}
	}
	db, err := models.Open(ctx, models.Options{Name: string(name), Now: now})
	if err != nil {
		return nil, fmt.Errorf("cannot open the database %s: %w", shown, err)
	}
	return db, nil
}

// number is a count with its noun.
func number(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
