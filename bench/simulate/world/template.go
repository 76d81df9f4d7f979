package world

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"till/models"
)

// Template is a migrated database with a catalogue, which every run begins with
// a copy of.
type Template struct {
	dir  string
	data []byte
}

// NewTemplate makes one. Runs keep their databases below dir; an empty dir is a
// place in memory where the machine has one.
func NewTemplate(ctx context.Context, dir string) (*Template, error) {
	if dir == "" {
		dir = os.TempDir()
		if at, err := os.Stat("/dev/shm"); err == nil && at.IsDir() {
			dir = "/dev/shm"
		}
	}
	t := &Template{dir: dir}
	home, err := os.MkdirTemp(dir, "till-simulate-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(home) }()
	path := filepath.Join(home, "till.db")
	if err := t.fill(ctx, path); err != nil {
		return nil, err
	}
	t.data, err = os.ReadFile(path) //nolint:gosec // made above
	return t, err
}

func (*Template) fill(ctx context.Context, path string) (err error) {
	db, err := models.Open(ctx, models.Options{Name: path, Now: newClock().now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }() // which folds the log into the file
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	few, many := int64(4), int64(1000)
	products := []models.Product{
		{Slug: "mug", Name: "Mug", Description: "Holds tea.", Picture: "mug.svg", Prices: euros(1250)},
		{Slug: "honey", Name: "Honey", Description: "Sweet.", Picture: "honey.svg", Stock: &few, Prices: euros(990)},
		{Slug: "oil", Name: "Oil", Description: "Green.", Picture: "oil.svg", Stock: &many, Prices: euros(333)},
	}
	if err := models.NewProducts(db).Import(ctx, products); err != nil {
		return err
	}
	pool, _, err := db.SQL()
	if err != nil {
		return err
	}
	_, err = pool.ExecContext(ctx, queueTable)
	return err
}

func euros(minor int64) []models.Price { return []models.Price{{Currency: "EUR", Minor: minor}} }

// copy makes a database for one run, in a folder of its own.
func (t *Template) copy() (path string, err error) {
	home, err := os.MkdirTemp(t.dir, "till-simulate-")
	if err != nil {
		return "", err
	}
	path = filepath.Join(home, "till.db")
	return path, os.WriteFile(path, t.data, 0o600)
}
