package ledger

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"
)

// Journal is what operators did and what happened to the parts, newest last. It is for people: it keeps the newest JournalMost
// entries, and nothing depends on it.
type Journal interface {
	// Note adds an entry. If e.Once is not "", the store adds it only if it has had no entry with that Once for e.OnceFor.
	Note(ctx context.Context, e Entry) error
	// Entries are up to most entries older than the one with that id, newest first; "": the newest. At most EntriesMost. An id that
	// no entry can have is ErrEntry.
	Entries(ctx context.Context, before string, most int) ([]Entry, error)
}

// Of the journal.
const (
	JournalMost = 10_000         // entries that it keeps, about
	EntriesMost = 1_000          // entries that one call returns, at most
	OnceLasts   = 24 * time.Hour // how long a Once is remembered, if the entry does not say
	entryText   = 1_000          // bytes of each text of an entry, at most
)

// ErrEntry is an id that no entry can have.
var ErrEntry = errors.New("the journal has no entry with such an id")

// Entry is one line of the journal.
type Entry struct {
	ID   string `json:"id,omitempty"`   // given by the store; it begins with the store's clock, Unix milliseconds
	Did  string `json:"did"`            // what happened, one word of those below
	Sale string `json:"sale,omitempty"` // "": it is about no sale
	Who  string `json:"who,omitempty"`  // an operator's name where known, or a process' node
	From string `json:"from,omitempty"` // api, cli, page, or the kind of a process
	What string `json:"what,omitempty"` // the details, for people
	Once string `json:"-"`

	OnceFor time.Duration `json:"-"` // at least a second; 0: OnceLasts
}

// The deeds of an entry. Of operators: created, added, paused, resumed, closed, reopened, removed, edited, mended, released. Of
// processes: started, stopped, silent (its beats ended), era (the store's history was cut), trouble, well (trouble is over).

// Bounded is the entry as the journal keeps it: its texts are cut.
func (e Entry) Bounded() Entry {
	e.OnceFor = cmp.Or(e.OnceFor, OnceLasts)
	for _, text := range []*string{&e.Did, &e.Sale, &e.Who, &e.From, &e.What, &e.Once} {
		*text = strings.ToValidUTF8(*text, "\uFFFD")
		if len(*text) > entryText {
			cut := entryText
			for !utf8.RuneStart((*text)[cut]) {
				cut--
			}
			*text = (*text)[:cut]
		}
	}
	return e
}
