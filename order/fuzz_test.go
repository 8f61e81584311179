package order

import (
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"spike/luascripts/ledger"
)

// FuzzWebhook: messages can go to every accepted address. A refused address is never repeated, nor is a secret.
func FuzzWebhook(f *testing.F) {
	for _, seed := range [][2]string{{"https://example.org/hook", secretOf(24)}, {"http://u:hunter2@h", secretOf(64)},
		{"ftp://h", secretOf(24)}, {"http://", ""},
		{"http://[::1]:80/x?y#z", "whsec_"}, {"http://h:99999", secretOf(24)}, {"http:h", secretOf(24)},
		{"HTTPS://H", secretOf(24) + "="}, {"http://h/%zz", secretOf(30)},
		{"http://h\x00", secretOf(24)}, {"", "x"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, target, secret string) {
		c := Config{Batch: 1, Webhook: target, WebhookSecret: secret}
		if err := c.begin(); err != nil {
			if !errors.Is(err, ErrConfig) || len(err.Error()) > 200 || len(secret) > 12 &&
				strings.Contains(err.Error(), secret) ||
				len(target) > 24 && strings.Contains(err.Error(), target) {
				t.Errorf("%q %q: %v", target, secret, err)
			}
			return
		}
		if target == "" {
			return
		}
		if u, err := url.Parse(target); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			t.Errorf("%q was taken", target)
		}
		e, err := newEndpoint(target, secret, time.Second)
		if err != nil {
			t.Fatalf("%q with %q begins and is no endpoint: %v", target, secret, err)
		}
		e.close()
	})
}

// FuzzRetryAfter: whatever an endpoint answers, a pause is never negative, and never longer than an hour.
func FuzzRetryAfter(f *testing.F) {
	now := time.Unix(1795399305, 0)
	for _, seed := range []string{"", "0", "120", "-1", "+5", "1e3", "99999999999999999999", "Mon, 23 Nov 2026 07:00:00 GMT",
		"Fri, 31 Dec 9999 23:59:59 GMT", "Mon Jan  2 15:04:05 0001"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d := retryAfter(text, now); d < 0 || d > maxRetryAfter {
			t.Errorf("%q: %v", text, d)
		}
	})
}

// FuzzDatabase: no address of a database causes a panic, connects, or is repeated.
func FuzzDatabase(f *testing.F) {
	for _, seed := range []string{"postgres://u:hunter2@h:1/d?pool_max_conns=3", "postgres://u:hunter2@h:x/d", "postgres:hunter2",
		"postgres://h?sslmode=hunter2", "sqlite:", "sqlite://",
		"mysql://u:hunter2@h", "postgres://%", "postgresql://h1,h2:3/d?target_session_attrs=any", "sqlite:\x00", "", "hunter2",
		"postgres://h?connect_timeout=x&password=hunter2", "postgres://h?pool_max_conns=-1&password=hunter2",
		"postgres://h?sslcert=/none/hunter2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.HasPrefix(text, "sqlite:") {
			if strings.ContainsAny(text, "/\\") { // the fuzzer must not choose a file
				return
			}
			t.Chdir(t.TempDir())
		}
		repo, err := Open(text)
		if err != nil {
			if !errors.Is(err, ErrConfig) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		repo.Close()
	})
}

// FuzzEvent: an event is parked whole, or becomes as many rows and messages as it has. All of them differ, and a database and a
// listener can take each.
func FuzzEvent(f *testing.F) {
	claim := ledger.Claim{Serial: 5, Count: 3, Fence: 7, Nonce: 9, Expiry: 1795399605199326, Buyer: ledger.Buyer{1}}
	for _, kind := range []string{"reserved", "confirmed", "cancelled", "expired", "sung", "unreadable: \x00"} {
		f.Add("1-1", kind, uint64(1), uint64(7), int64(1795399305199326), int64(1795399305199326), claim.AppendTo(nil), true)
	}
	huge := claim
	huge.Count = 1<<32 - 1
	f.Add("1-1", "reserved", uint64(1), uint64(7), int64(1), int64(1<<53-1), huge.AppendTo(nil), true)
	f.Add("1-1", "reserved", uint64(1)<<63, uint64(7), int64(-1), int64(0), claim.AppendTo(claim.AppendTo(nil)), false)
	f.Fuzz(func(t *testing.T, id, kind string, number, birth uint64, at, raw int64, block []byte, held bool) {
		claims, err := ledger.ParseClaims(block)
		if err != nil {
			return
		}
		var e Entry
		err = e.addEvent("ticket", ledger.Event{ID: id, Number: number, Kind: ledger.EventKind(kind), Birth: birth,
			At: at, Raw: raw, Claims: claims}, held, true)
		if err != nil {
			if len(e.Parked) != 1 || len(e.Rows)+len(e.Deliveries) > 0 || !errors.Is(err, errEvent) ||
				!storable(e.Parked[0].Why) || !json.Valid([]byte(e.Parked[0].Event)) {
				t.Errorf("%v: %+v", err, e)
			}
			return
		}
		checkEntry(t, e, claims)
	})
}

func checkEntry(t *testing.T, e Entry, claims []ledger.Claim) {
	t.Helper()
	units := 0
	for _, c := range claims {
		units += int(c.Count)
	}
	if len(e.Parked) > 0 || len(e.Rows) != units || units > maxRows || len(e.Deliveries) != len(claims) {
		t.Fatalf("%d rows, %d messages of %d claims with %d units", len(e.Rows), len(e.Deliveries), len(claims), units)
	}
	for _, r := range e.Rows {
		if r.Serial < 1 || r.Serial > ledger.MaxSerial || r.Fence < 1 || r.Birth < 1 || r.Serial < r.FirstSerial ||
			r.Serial >= r.FirstSerial+r.Units {
			t.Errorf("%+v", r)
		}
	}
	for i, d := range e.Deliveries {
		var p payload
		if err := json.Unmarshal([]byte(d.Body), &p); err != nil || !storable(d.Body) || len(d.Body) > maxUnits*16 ||
			p.Data.Units != claims[i].Count {
			t.Errorf("%v %s", err, d.Body)
		}
	}
}

// storable is a text that PostgreSQL takes.
func storable(text string) bool { return utf8.ValidString(text) && !strings.Contains(text, "\x00") }

// A database file gets its name unchanged, whatever is in the name.
func TestOddNamesOfFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a?b.db", "a#b.db", "a%20b.db", "a&_pragma=x.db", "a'b;c.db", ":memory:x"} {
		repo, err := Open("sqlite:" + filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		err = repo.Migrate(t.Context())
		repo.Close()
		if _, there := os.Stat(filepath.Join(dir, name)); err != nil || there != nil {
			t.Errorf("%s: %v, %v", name, err, there)
		}
	}
}
