// Package models is where the rows live: orders, payments and their ledger,
// products, staff, and every query over them, on SQLite and PostgreSQL alike.
// It knows neither providers nor HTTP nor pages.
package models

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/mattn/go-sqlite3"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
)

//go:embed migrations/sqlite/*.sql migrations/postgres/*.sql
var migrations embed.FS

var (
	// ErrNotFound is returned when no row has the given key.
	ErrNotFound = errors.New("models: not found")
	// ErrDuplicate is returned when a unique key is already taken.
	ErrDuplicate = errors.New("models: duplicate")
	// ErrStale is returned for a change to a row that has changed meanwhile:
	// read it again and decide again.
	ErrStale = errors.New("models: the row has changed meanwhile")
	// ErrUnavailable is returned when the database cannot answer now: it is
	// locked, read-only, full, or gone.
	ErrUnavailable = errors.New("models: database unavailable")
	// ErrOldSchema is returned by Open when migrations are missing.
	ErrOldSchema = errors.New("models: the database needs `till migrate`")
)

// JobArgs is work to do after a transaction has committed.
type JobArgs interface{ Kind() string }

// Queue keeps jobs. InsertTx must write through tx, so that a job exists if and
// only if the rows that it follows do.
type Queue interface {
	InsertTx(ctx context.Context, tx *sql.Tx, args JobArgs) error
}

// DB is one database. On PostgreSQL reads and writes share a pool; on SQLite
// there is one writing connection and a read-only pool, so that a report never
// holds up a checkout.
//
// w is for writing transactions, s for reading ones, and r for single reads:
// whoever prepares a statement for no transaction waits for a connection with
// GORM's list of statements locked against others who want the same one, so
// that whoever has a connection must not need that list. Each has its own.
type DB struct {
	w, s, r  *gorm.DB
	queue    Queue
	due      chan struct{}
	patience time.Duration
	zone     *time.Location
	live     live
	postgres bool
}

// Options is how to open a database.
type Options struct {
	// Name is a file's path, or a URL beginning with postgres:// or postgresql://.
	Name string
	// Now stamps rows.
	Now func() time.Time
	// Queue takes the jobs that rows bring with them; it may be set later with
	// SetQueue, before the first write that needs it.
	Queue Queue
	// Zone cuts days while no settings were saved; nil is UTC.
	Zone *time.Location
	// Patience is how long a write waits for its turn; 0 is 8 seconds.
	Patience time.Duration
}

// patience is Options.Patience where nothing else is said.
const patience = 8 * time.Second

// IsPostgres reports whether a database's name means PostgreSQL.
func IsPostgres(name string) bool {
	return strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://")
}

// Open opens a database and changes nothing in it. A SQLite file that is not
// there is made, empty. The caller closes it.
func Open(ctx context.Context, o Options) (*DB, error) {
	now := func() time.Time { return o.Now().UTC().Truncate(time.Microsecond) } // what both databases can keep
	db := &DB{queue: o.Queue, due: make(chan struct{}, 1), patience: cmp.Or(o.Patience, patience), zone: cmp.Or(o.Zone, time.UTC), postgres: IsPostgres(o.Name)}
	config := func() *gorm.Config {
		return &gorm.Config{
			TranslateError: true, SkipDefaultTransaction: true, PrepareStmt: true, NowFunc: now,
			Logger: logger.Discard, // its lines hold buyers' data; errors are returned, and logged at the edge
		}
	}
	var err error
	if db.postgres {
		if db.w, err = gorm.Open(postgres.Open(o.Name), config()); err != nil {
			return nil, fmt.Errorf("%w: open: %w", ErrUnavailable, err)
		}
		db.s = db.w
		pool, err := db.w.DB()
		if err != nil {
			return nil, err
		}
		if db.r, err = gorm.Open(postgres.New(postgres.Config{Conn: pool}), config()); err != nil {
			return nil, errors.Join(fmt.Errorf("%w: open: %w", ErrUnavailable, err), pool.Close())
		}
		pool.SetMaxOpenConns(20)
		pool.SetMaxIdleConns(10)
		pool.SetConnMaxIdleTime(5 * time.Minute)
		return db, nil
	}
	return db, db.openSQLite(ctx, o.Name, config)
}

// openSQLite opens the writer first, because it makes the file and its log.
func (db *DB) openSQLite(_ context.Context, path string, config func() *gorm.Config) error {
	common := url.Values{"_busy_timeout": {"5000"}, "_foreign_keys": {"on"}, "_cache_size": {"-65536"}}
	dsn := func(more url.Values) string {
		q := url.Values{}
		for _, from := range []url.Values{common, more} {
			for k, v := range from {
				q[k] = v
			}
		}
		return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
	}
	var err error
	db.w, err = gorm.Open(sqlite.Open(dsn(url.Values{
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},      // the driver's own default for WAL may lose a commit when the power fails
		"_txlock":       {"immediate"}, // a transaction that begins as a read fails at once when it turns into a write
	})), config())
	if err != nil {
		return fmt.Errorf("%w: open %s: %w", ErrUnavailable, path, err)
	}
	w, err := db.w.DB()
	if err != nil {
		return err
	}
	w.SetMaxOpenConns(1) // several writers starve each other for seconds
	w.SetMaxIdleConns(1)
	w.SetConnMaxLifetime(0)
	if db.r, err = gorm.Open(sqlite.Open(dsn(url.Values{"mode": {"ro"}, "_query_only": {"true"}})), config()); err != nil {
		return errors.Join(fmt.Errorf("%w: open %s: %w", ErrUnavailable, path, err), w.Close())
	}
	r, err := db.r.DB()
	if err != nil {
		return err
	}
	r.SetMaxOpenConns(4)
	r.SetMaxIdleConns(4)
	if db.s, err = gorm.Open(sqlite.New(sqlite.Config{Conn: r}), config()); err != nil {
		return errors.Join(fmt.Errorf("%w: open %s: %w", ErrUnavailable, path, err), r.Close(), w.Close())
	}
	return nil
}

// Close closes every connection: on SQLite the readers first, because only a
// writer that is the last to leave folds the log back into the file.
func (db *DB) Close() error {
	w, err := db.w.DB()
	if err != nil {
		return err
	}
	if db.s == db.w {
		return w.Close()
	}
	r, err := db.r.DB()
	if err != nil {
		return errors.Join(err, w.Close())
	}
	return errors.Join(r.Close(), w.Close())
}

// SetQueue gives the database its queue. It exists because a queue needs the
// open database first; call it before anything is served.
func (db *DB) SetQueue(q Queue) { db.queue = q }

// SQL is the writing pool, for the library that keeps jobs beside the rows, and
// whether it speaks PostgreSQL.
func (db *DB) SQL() (pool *sql.DB, postgres bool, err error) {
	pool, err = db.w.DB()
	return pool, db.postgres, err
}

// Now is the database's clock: UTC, in whole microseconds.
func (db *DB) Now() time.Time { return db.w.NowFunc() }

// Due receives when a commit has brought a payment's next question forward.
func (db *DB) Due() <-chan struct{} { return db.due }

// Ping fails with ErrUnavailable unless the database can be read and written.
func (db *DB) Ping(ctx context.Context) error {
	return db.Write(ctx, func(tx *gorm.DB) error {
		return tx.Exec("DELETE FROM throttles WHERE key = ''").Error
	})
}

// errNoTurn is why a write was given up before it began.
var errNoTurn = errors.New("waited too long for a turn to write")

const (
	writeTries = 5                     // of a write that PostgreSQL gave up for another's sake
	writeGap   = 10 * time.Millisecond // before the second, doubled before each further one
)

// Write runs f in one writing transaction. Every write of Till begins here.
// f must do no HTTP, and must use tx and nothing else: the only connection is
// in its hands.
//
// PostgreSQL ends one of two transactions that wait for each other, or that
// cannot both have been first. That one is run again, so f must leave nothing
// behind when it fails: what it assigns outside it assigns anew each time.
//
// Somebody else may hold the database, and others wait in the queue before us,
// each with a patience of its own: so the wait for a turn is bounded here, and
// ends as ErrUnavailable.
func (db *DB) Write(ctx context.Context, f func(tx *gorm.DB) error) error {
	err := db.write(ctx, f)
	for try := range writeTries - 1 {
		if !outrun(err) || pause(ctx, writeGap<<try) != nil {
			break
		}
		err = db.write(ctx, f)
	}
	return unavailable(err)
}

// outrun reports whether a transaction was given up only because of another one.
func outrun(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40P01" || pg.Code == "40001") // deadlock, serialization
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (db *DB) write(ctx context.Context, f func(tx *gorm.DB) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	turn := time.AfterFunc(db.patience, func() { cancel(errNoTurn) })
	defer turn.Stop()
	t := &daybook{}
	err := db.w.WithContext(context.WithValue(ctx, daybookKey{}, t)).Transaction(func(tx *gorm.DB) error {
		turn.Stop()
		*t = daybook{}
		if err := f(tx); err != nil {
			return err
		}
		return t.settle(ctx, tx, db.zone)
	})
	if err != nil && errors.Is(context.Cause(ctx), errNoTurn) {
		return fmt.Errorf("%w: %w", ErrUnavailable, errNoTurn)
	}
	return err
}

// snapshot runs f over one state of the database. f only reads.
func (db *DB) snapshot(ctx context.Context, f func(tx *gorm.DB) error) error {
	if db.postgres { // SQLite's transactions are snapshots anyway
		return unavailable(db.s.WithContext(ctx).Transaction(f, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}))
	}
	return unavailable(db.s.WithContext(ctx).Transaction(f))
}

// wake tells the sweeper to look again; one waiting word is enough.
func (db *DB) wake() {
	select {
	case db.due <- struct{}{}:
	default:
	}
}

// enqueue adds a job to the transaction tx.
func (db *DB) enqueue(ctx context.Context, tx *gorm.DB, args JobArgs) error {
	if db.queue == nil {
		return fmt.Errorf("models: no queue for job %s", args.Kind())
	}
	stx, err := sqlTx(tx)
	if err != nil {
		return err
	}
	if err := db.queue.InsertTx(ctx, stx, args); err != nil {
		return fmt.Errorf("models: job %s: %w", args.Kind(), err)
	}
	return nil
}

// sqlTx is the transaction under GORM's, which wraps it when statements are prepared.
func sqlTx(tx *gorm.DB) (*sql.Tx, error) {
	switch p := tx.Statement.ConnPool.(type) {
	case *sql.Tx:
		return p, nil
	case *gorm.PreparedStmtTX:
		if t, ok := p.Tx.(*sql.Tx); ok {
			return t, nil
		}
	}
	return nil, fmt.Errorf("models: not in a transaction: %T", tx.Statement.ConnPool)
}

// Migrate applies what is missing of the schema, each file in one transaction.
// Several processes may call it at once.
func (db *DB) Migrate(ctx context.Context) error {
	p, err := db.migrations()
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("models: migrate: %w", err)
	}
	return db.Count(ctx)
}

// CheckSchema fails with ErrOldSchema when migrations are missing.
func (db *DB) CheckSchema(ctx context.Context) error {
	p, err := db.migrations()
	if err != nil {
		return err
	}
	pending, err := p.HasPending(ctx)
	if err != nil {
		return fmt.Errorf("models: schema: %w", err)
	}
	if pending {
		return ErrOldSchema
	}
	return nil
}

func (db *DB) migrations() (*goose.Provider, error) {
	dialect, dir := goose.DialectSQLite3, "migrations/sqlite"
	opts := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if db.postgres {
		dialect, dir = goose.DialectPostgres, "migrations/postgres"
		l, err := db.migrationLock()
		if err != nil {
			return nil, fmt.Errorf("models: migrations: %w", err)
		}
		opts = append(opts, goose.WithSessionLocker(l))
	}
	files, err := fs.Sub(migrations, dir)
	if err != nil {
		return nil, fmt.Errorf("models: migrations: %w", err)
	}
	pool, err := db.w.DB()
	if err != nil {
		return nil, err
	}
	p, err := goose.NewProvider(dialect, pool, files, opts...)
	if err != nil {
		return nil, fmt.Errorf("models: migrations: %w", err)
	}
	return p, nil
}

// migrationLock is one lock per schema, so that only processes that share one
// wait for each other; they look every second, for a minute.
func (db *DB) migrationLock() (lock.SessionLocker, error) {
	var schema string
	if err := db.w.Raw("SELECT current_schema()").Scan(&schema).Error; err != nil {
		return nil, unavailable(err)
	}
	id := fnv.New32a()
	_, _ = id.Write([]byte("till migrate " + schema)) // a hash cannot fail
	return lock.NewPostgresSessionLocker(lock.WithLockID(int64(id.Sum32())), lock.WithLockTimeout(1, 60))
}

// Mark is a payment's ID as logs and errors have it. The ID itself leads to the
// order's page, so that it is nothing to write down beside what happened.
func Mark(paymentID string) string {
	sum := sha256.Sum256([]byte(paymentID))
	return hex.EncodeToString(sum[:4])
}

// forUpdate makes a read hold its row until the transaction ends; give it to
// gorm.G itself, which drops clauses that were put on its tx. SQLite needs no
// such word: its one writer holds everything.
func forUpdate() clause.Expression { return clause.Locking{Strength: "UPDATE"} }

// named turns a database's error into one of this package's, adding what was
// looked for.
func named(err error, what string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, gorm.ErrRecordNotFound), unwritable(err):
		return fmt.Errorf("%w: %s", ErrNotFound, what)
	case errors.Is(err, gorm.ErrDuplicatedKey):
		return fmt.Errorf("%w: %s", ErrDuplicate, what)
	default:
		return fmt.Errorf("models: %s: %w", what, unavailable(err))
	}
}

// unwritable reports whether PostgreSQL was asked for text that no row of it can
// have: with a zero byte, or not UTF-8. SQLite finds nothing, as it should be.
func unwritable(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "22021"
}

// unavailable marks the errors that say "not now" rather than "not so".
func unavailable(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) || !isUnavailable(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

func isUnavailable(err error) bool {
	var lite sqlite3.Error
	if errors.As(err, &lite) {
		switch lite.Code {
		case sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrReadonly, sqlite3.ErrFull, sqlite3.ErrIoErr, sqlite3.ErrCantOpen, sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
			return true
		}
		return false
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		// 08 connection, 53 no resources, 57 operator's intervention, 55P03 lock, 25006 read-only, 58 system,
		// 40P01 deadlock, 40001 serialization
		for _, class := range []string{"08", "53", "57", "58", "55P03", "25006", "40P01", "40001"} {
			if strings.HasPrefix(pg.Code, class) {
				return true
			}
		}
		return false
	}
	var call net.Error
	for _, gone := range []error{sql.ErrConnDone, driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF, os.ErrPermission} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return errors.As(err, &call)
}
