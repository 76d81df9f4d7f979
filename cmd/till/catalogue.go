package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"till/models"
	"till/static"
)

type importCmd struct {
	File  string `arg:"" help:"The file; - is standard input."`
	Check bool   `help:"Only say what is wrong with the file; change nothing."`
}

// Help is the manual page.
func (importCmd) Help() string {
	return `Makes the catalogue be exactly what a CSV file says, in its order: products are made or changed by slug,
and those that are not in the file are no longer sold (old orders still show them). All problems of the file are named
at once, with their lines, and then nothing is changed.

The first line names the columns, in any order. There is one row per product and currency, and the rows of one product
say the same about it:

    slug         its word in addresses: a-z, 0-9 and hyphens
    name         as shoppers read it
    description  as shoppers read it
    picture      a file's name among the shop's pictures, such as mug.svg; another
                 one is shown as a placeholder
    currency     a code of ISO 4217, such as NZD
    price        of one piece, with a point: 12.50, or 1250 where a currency has no
                 decimals
    stock        how many pieces there are. Empty, or without the column, they are
                 not counted. The file's number counts, whatever has been sold since
                 it was exported

Commas between the cells, UTF-8, with or without a byte order mark; " around a cell that has a comma in it.

Settings: TILL_DATABASE, a file (till.db) or postgres://user:password@host/name.

Examples:

    till catalogue export > products.csv
    till catalogue import products.csv

Exit status: 0 imported; 1 it did not work; 2 the file or the setting must be changed first.`
}

// Run imports a catalogue.
func (c importCmd) Run(ctx context.Context, o *outside) error {
	name, raw, err := o.file(c.File)
	if err != nil {
		return err
	}
	products, err := parseTable(name, raw)
	if err != nil {
		return err
	}
	assets, err := static.New()
	if err != nil {
		return err
	}
	prices := 0
	for _, p := range products {
		prices += len(p.Prices)
		if assets.Picture(p.Picture) == assets.Picture("") {
			_, _ = fmt.Fprintf(o.stderr, "till: %s: there is no picture %q, so %s is shown with a placeholder\n", name, p.Picture, p.Slug)
		}
	}
	if c.Check {
		return o.say("%s is good: %d products, %d prices.", name, len(products), prices)
	}
	return withDatabase(ctx, o, func(b *books) error {
		if err := models.NewProducts(b.db).Import(ctx, products); err != nil {
			return err
		}
		return b.say("Imported %d products with %d prices into %s.", len(products), prices, b.label)
	})
}

// file reads a file whole, as far as a catalogue may go, and says what to call it.
func (o *outside) file(path string) (name string, raw []byte, err error) {
	name, in := "standard input", o.stdin
	if path != "-" {
		f, err := os.Open(path) //nolint:gosec // the file that its owner names
		if err != nil {
			return path, nil, fmt.Errorf("cannot read the catalogue: %w", err)
		}
		defer func() { _ = f.Close() }()
		name, in = filepath.Base(path), f
	}
	raw, err = io.ReadAll(io.LimitReader(in, maxTable+1))
	if err != nil {
		return name, nil, fmt.Errorf("cannot read the catalogue: %w", err)
	}
	return name, raw, nil
}

type exportCmd struct{}

// Help is the manual page.
func (exportCmd) Help() string {
	return `Writes what is for sale to standard output, as the CSV file that "till catalogue import" reads: importing
it changes nothing.

Settings: TILL_DATABASE, a file (till.db) or postgres://user:password@host/name.

Example:

    till catalogue export > products.csv

Exit status: 0 written; 1 it did not work; 2 the setting must be changed first.`
}

// Run exports the catalogue.
func (exportCmd) Run(ctx context.Context, o *outside) error {
	return withDatabase(ctx, o, func(b *books) error {
		products, err := models.NewProducts(b.db).All(ctx)
		if err != nil {
			return err
		}
		return writeTable(b.stdout, products)
	})
}
