package order

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// testRepository is a database that the suite can look into.
type testRepository struct {
	Repository
	rows  func(sale string) (map[Key]Row, error)
	count func(query string) (int, error)
}

func newSQLite(t testing.TB) testRepository {
	t.Helper()
	return openTestRepository(t, "sqlite:"+filepath.Join(t.TempDir(), "a file?.db"))
}

func openTestRepository(t testing.TB, url string) testRepository {
	t.Helper()
	repo, err := Open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(repo.Close)
	for range 2 { // the second time there is nothing to do
		if err := repo.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s := testRepository{Repository: repo}
	switch b := repo.(type) {
	case *sqlite:
		s.rows, s.count = b.peek, b.peekCount
	case *postgres:
		s.rows, s.count = b.peek, b.peekCount
	}
	return s
}

// do executes an operator's query.
func (s testRepository) do(t testing.TB, query string) {
	t.Helper()
	var err error
	switch b := s.Repository.(type) {
	case *sqlite:
		_, err = b.db.Exec(query)
	case *postgres:
		_, err = b.pool.Exec(context.Background(), query)
	}
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

const peekQuery = `SELECT sale, birth, serial, fence, nonce, first_serial, units, buyer, state, expires_at, reserved_at,
	confirmed_at, released_at FROM orders WHERE sale = $1`

func stateOf(name string) State { return State(slices.Index(stateNames[:], name)) }

func (s *sqlite) peek(sale string) (map[Key]Row, error) {
	found, err := s.db.Query(peekQuery, sale)
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }()
	rows := map[Key]Row{}
	for found.Next() {
		var r Row
		var state string
		var times [4]*string
		if err := found.Scan(&r.Sale, &r.Birth, &r.Serial, &r.Fence, &r.Nonce, &r.FirstSerial, &r.Units, &r.Buyer, &state,
			&times[0], &times[1], &times[2], &times[3]); err != nil {
			return nil, err
		}
		for i, to := range []**time.Time{&r.ExpiresAt, &r.ReservedAt, &r.ConfirmedAt, &r.ReleasedAt} {
			if times[i] != nil {
				at := untext(*times[i])
				*to = &at
			}
		}
		r.State = stateOf(state)
		rows[r.Key] = r
	}
	return rows, found.Err()
}

func (s *sqlite) peekCount(query string) (n int, err error) {
	err = s.db.QueryRow(query).Scan(&n)
	return n, err
}

func (p *postgres) peek(sale string) (map[Key]Row, error) {
	found, err := p.pool.Query(context.Background(), peekQuery, sale)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	rows := map[Key]Row{}
	for found.Next() {
		var r Row
		var state string
		if err := found.Scan(&r.Sale, &r.Birth, &r.Serial, &r.Fence, &r.Nonce, &r.FirstSerial, &r.Units, &r.Buyer, &state,
			&r.ExpiresAt, &r.ReservedAt, &r.ConfirmedAt, &r.ReleasedAt); err != nil {
			return nil, err
		}
		r.State = stateOf(state)
		rows[r.Key] = r
	}
	return rows, found.Err()
}

func (p *postgres) peekCount(query string) (n int, err error) {
	err = p.pool.QueryRow(context.Background(), query).Scan(&n)
	return n, err
}

// same compares rows, and times as instants.
func same(a, b Row) bool {
	at := func(t *time.Time) int64 {
		if t == nil {
			return 0
		}
		return t.UnixMicro()
	}
	text := func(s *string) string {
		if s == nil {
			return "nobody"
		}
		return *s
	}
	return a.Key == b.Key && a.Nonce == b.Nonce && a.FirstSerial == b.FirstSerial && a.Units == b.Units &&
		text(a.Buyer) == text(b.Buyer) && a.State == b.State && at(a.ExpiresAt) == at(b.ExpiresAt) &&
		at(a.ReservedAt) == at(b.ReservedAt) && at(a.ConfirmedAt) == at(b.ConfirmedAt) && at(a.ReleasedAt) == at(b.ReleasedAt)
}
