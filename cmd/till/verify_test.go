package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"till/models"
	"till/models/modelstest"
	"till/providers"
)

// query runs SQL on a database that is at this version.
func query(t *testing.T, name, statement string) {
	t.Helper()
	db, err := openDatabase(t.Context(), providers.Secret(name), now)
	if err != nil {
		t.Fatal(err)
	}
	pool, _, err := db.SQL()
	if err == nil {
		_, err = pool.ExecContext(t.Context(), statement)
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// The demo's past is in order, while the shop runs and after that; and what is
// not is told.
func TestVerify(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDemo(t, dir)
	file := filepath.Join(dir, demoFile)
	environ := []string{"TILL_DATABASE=" + file}
	beside := finish(t, "", environ, "verify")
	d.stop()
	for when, got := range map[string]finished{"beside the shop": beside, "after it": finish(t, "", environ, "verify")} {
		if got.status != exitOK || !strings.HasPrefix(got.stdout, "Read 29 orders, ") || !strings.HasSuffix(got.stdout, " in "+file+".\nAll is well.\n") || got.stderr != "" {
			t.Errorf("%s: %+v", when, got)
		}
	}
	query(t, file, "UPDATE orders SET status = 'paid' WHERE id = 1012")
	query(t, file, "UPDATE orders SET status = 'viewed', attention = 'mismatch' WHERE id = 1001")
	got := finish(t, "", environ, "verify")
	const want = "order 1001: status: expected paid, found viewed\norder 1001: attention: expected nothing, found mismatch\norder 1012: status: expected hold, found paid\nRead 29 orders, "
	if got.status != exitFailed || !strings.HasPrefix(got.stdout, want) || strings.Contains(got.stdout, "well") || got.stderr != "till: "+file+": 3 findings\n" {
		t.Errorf("%+v", got)
	}
	query(t, file, "DELETE FROM goose_db_version WHERE version_id > 1")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := finish(t, "", environ, "verify"); got.status != exitFailed || got.stdout != "" || !strings.Contains(got.stderr, "till migrate") {
		t.Errorf("another version: %+v", got)
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		t.Error("another version's file was changed", err)
	}
}

func TestVerify_PostgreSQL(t *testing.T) {
	t.Parallel()
	name := modelstest.Name(t, "postgres")
	environ := []string{"TILL_DATABASE=" + name}
	if got := finish(t, "", environ, "verify"); got.status != exitFailed || !strings.Contains(got.stderr, "till migrate") || strings.Contains(got.stderr, "till:till") {
		t.Errorf("an empty database: %+v", got)
	}
	if got := finish(t, "", environ, "migrate"); got.status != exitOK {
		t.Fatalf("%+v", got)
	}
	if got := finish(t, "", environ, "verify"); got.status != exitOK || !strings.HasPrefix(got.stdout, "Read 0 orders, 0 payments, 0 facts and 0 items of the inbox in postgres://") {
		t.Errorf("%+v", got)
	}
	query(t, name, "INSERT INTO inbox (kind, subject, detail, minor, currency, resolution, reason, actor, opened_at) VALUES ('"+string(models.AttentionMismatch)+"', 'nobody', '', 0, '', '', '', '', CURRENT_TIMESTAMP)")
	if got := finish(t, "", environ, "verify"); got.status != exitFailed || !strings.HasPrefix(got.stdout, "no order: inbox item 1: expected an order, found mismatch of nobody\nRead 0 orders, ") || !strings.HasSuffix(got.stderr, ": 1 finding\n") {
		t.Errorf("%+v", got)
	}
}

// A database that is not there is not made.
func TestVerify_CannotRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	missing, odd := filepath.Join(dir, "till.db"), filepath.Join(dir, "odd.db")
	if err := os.WriteFile(odd, []byte(strings.Repeat("not a database. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, says string
		status     int
	}{
		{missing, "there is no database " + missing, exitFailed},
		{dir, "there is no database " + dir, exitFailed},
		{odd, "cannot open the database " + odd, exitFailed},
		{"mysql://till:hunter2@127.0.0.1/till", "TILL_DATABASE begins with", exitUsage},
		{"postgres://till:hunter2@127.0.0.1:1/till", "cannot open the database postgres://127.0.0.1:1/till", exitFailed},
	} {
		got := finish(t, "", []string{"TILL_DATABASE=" + tt.name}, "verify")
		if got.status != tt.status || !strings.Contains(got.stderr, tt.says) || got.stdout != "" || strings.Contains(got.stderr, "hunter2") {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
	if _, err := os.Stat(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Error("it made the database", err)
	}
}
