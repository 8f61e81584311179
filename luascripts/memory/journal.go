package memory

import (
	"context"
	"fmt"
	"sync"
	"time"

	"spike/luascripts/ledger"
)

// journal is the newest ledger.JournalMost entries, in a ring.
type journal struct {
	mu      sync.Mutex
	entries []ledger.Entry
	oldest  int // once the ring is full
	last    entryID
	once    map[string]time.Time // when an entry with that Once was added
}

// entryID is as Redis counts: the clock, and a number where several entries have the same.
type entryID struct{ ms, n int64 }

func (id entryID) String() string { return fmt.Sprintf("%d-%d", id.ms, id.n) }

func (id entryID) before(other entryID) bool {
	return id.ms < other.ms || id.ms == other.ms && id.n < other.n
}

func entryIDOf(text string) (id entryID, err error) {
	if _, err = fmt.Sscanf(text, "%d-%d", &id.ms, &id.n); err != nil || id.String() != text || id.ms < 0 || id.n < 0 {
		return id, fmt.Errorf("%w: %q", ledger.ErrEntry, text)
	}
	return id, nil
}

// Note is ledger.Store's.
func (e *Store) Note(_ context.Context, entry ledger.Entry) error {
	e.journal.note(entry.Bounded(), e.clock())
	return nil
}

func (j *journal) note(e ledger.Entry, now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e.Once != "" && !j.first(e.Once, now) {
		return
	}
	id := entryID{ms: now.UnixMilli()}
	if !j.last.before(id) {
		id = entryID{j.last.ms, j.last.n + 1}
	}
	j.last, e.ID, e.Once = id, id.String(), ""
	if len(j.entries) < ledger.JournalMost {
		j.entries = append(j.entries, e)
		return
	}
	j.entries[j.oldest] = e
	j.oldest = (j.oldest + 1) % len(j.entries)
}

// first says whether there was no such Once lately, and remembers this one.
func (j *journal) first(once string, now time.Time) bool {
	if at, known := j.once[once]; known && now.Sub(at) < ledger.OnceLasts {
		return false
	}
	for other, at := range j.once {
		if now.Sub(at) >= ledger.OnceLasts {
			delete(j.once, other)
		}
	}
	j.once[once] = now
	return true
}

// Entries is ledger.Store's.
func (e *Store) Entries(_ context.Context, before string, most int) ([]ledger.Entry, error) {
	end := entryID{ms: 1<<63 - 1}
	if before != "" {
		var err error
		if end, err = entryIDOf(before); err != nil {
			return nil, err
		}
	}
	return e.journal.read(end, min(most, ledger.EntriesMost)), nil
}

func (j *journal) read(end entryID, most int) (out []ledger.Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for k := len(j.entries) - 1; k >= 0 && len(out) < most; k-- {
		entry := j.entries[(j.oldest+k)%len(j.entries)]
		if id, _ := entryIDOf(entry.ID); id.before(end) {
			out = append(out, entry)
		}
	}
	return out
}
