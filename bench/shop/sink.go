package shop

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm/schema"

	"till/models"
)

// order is the tables in the order in which their rows may be written: a row
// never comes before one that it leads to.
var order = []string{"orders", "order_lines", "payments", "operations", "facts", "events", "mails", "deliveries", "inbox"}

const (
	flushed   = 20_000 // orders are written together
	parameter = 900    // of one statement of SQLite
)

// sink writes rows by the thousand, past everything that makes one row safe:
// when it does not reach its end the database is to be thrown away.
type sink struct {
	pool     *sql.DB
	conn     *sql.Conn
	postgres bool
	schemas  sync.Map
	tables   map[string]*table
	orders   int
}

// table is rows that are not written yet.
type table struct {
	columns []string
	rows    [][]any
}

func open(ctx context.Context, db *models.DB) (*sink, error) {
	pool, postgres, err := db.SQL()
	if err != nil {
		return nil, err
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	s := &sink{pool: pool, conn: conn, postgres: postgres, tables: map[string]*table{}}
	if !postgres {
		if _, err := conn.ExecContext(ctx, "PRAGMA synchronous = OFF"); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return s, nil
}

// add keeps a row, a pointer to one of the models' structs, to be written soon.
func (s *sink) add(ctx context.Context, row any) error {
	as, err := schema.Parse(row, &s.schemas, schema.NamingStrategy{})
	if err != nil {
		return err
	}
	t := s.tables[as.Table]
	if t == nil {
		t = &table{}
		for _, f := range as.Fields {
			if f.DBName != "" && f.Creatable {
				t.columns = append(t.columns, f.DBName)
			}
		}
		s.tables[as.Table] = t
	}
	if as.Table == "orders" {
		if s.orders++; s.orders%flushed == 0 {
			if err := s.flush(ctx); err != nil {
				return err
			}
		}
	}
	cells, from := make([]any, 0, len(t.columns)), reflect.ValueOf(row).Elem()
	for _, name := range t.columns {
		v, _ := as.FieldsByDBName[name].ValueOf(ctx, from)
		if v, err = driver.DefaultParameterConverter.ConvertValue(v); err != nil {
			return fmt.Errorf("%s.%s: %w", as.Table, name, err)
		}
		cells = append(cells, v)
	}
	t.rows = append(t.rows, cells)
	return nil
}

// flush writes what was kept.
func (s *sink) flush(ctx context.Context) error {
	if !s.postgres {
		if _, err := s.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
			return err
		}
	}
	for _, name := range order {
		t := s.tables[name]
		if t == nil || len(t.rows) == 0 {
			continue
		}
		write := s.insert
		if s.postgres {
			write = s.copy
		}
		if err := write(ctx, name, t); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		t.rows = t.rows[:0]
	}
	if !s.postgres {
		_, err := s.conn.ExecContext(ctx, "COMMIT")
		return err
	}
	return nil
}

func (s *sink) copy(ctx context.Context, name string, t *table) error {
	return s.conn.Raw(func(under any) error {
		c, ok := under.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("a connection of type %T", under)
		}
		_, err := c.Conn().CopyFrom(ctx, pgx.Identifier{name}, t.columns, pgx.CopyFromRows(t.rows))
		return err
	})
}

func (s *sink) insert(ctx context.Context, name string, t *table) error {
	most := parameter / len(t.columns)
	line := "(" + strings.TrimSuffix(strings.Repeat("?,", len(t.columns)), ",") + ")"
	head := "INSERT INTO " + name + " (" + strings.Join(t.columns, ",") + ") VALUES "
	whole, err := s.conn.PrepareContext(ctx, head+strings.TrimSuffix(strings.Repeat(line+",", most), ","))
	if err != nil {
		return err
	}
	defer func() { _ = whole.Close() }()
	for from := 0; from < len(t.rows); from += most {
		some := t.rows[from:min(from+most, len(t.rows))]
		cells := make([]any, 0, most*len(t.columns))
		for _, row := range some {
			cells = append(cells, row...)
		}
		if len(some) == most {
			_, err = whole.ExecContext(ctx, cells...)
		} else {
			_, err = s.conn.ExecContext(ctx, head+strings.TrimSuffix(strings.Repeat(line+",", len(some)), ","), cells...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// close writes the rest, and sees to it that the next rows get ids of their own.
func (s *sink) close(ctx context.Context) error {
	if err := s.flush(ctx); err != nil {
		return errors.Join(err, s.abort())
	}
	if s.postgres {
		for _, name := range order {
			if name == "order_lines" || name == "payments" {
				continue
			}
			const set = "SELECT setval(pg_get_serial_sequence('%s', 'id'), (SELECT COALESCE(MAX(id), 0) + 1 FROM %s), false)"
			if _, err := s.conn.ExecContext(ctx, fmt.Sprintf(set, name, name)); err != nil {
				return errors.Join(err, s.abort())
			}
		}
	} else if _, err := s.conn.ExecContext(ctx, "PRAGMA synchronous = FULL"); err != nil {
		return errors.Join(err, s.abort())
	}
	return s.conn.Close()
}

func (s *sink) abort() error { return s.conn.Close() }
