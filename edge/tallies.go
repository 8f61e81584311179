package edge

import (
	"sync"
	"sync/atomic"
)

// tallies counts by word. Safe for concurrent use.
type tallies struct{ by sync.Map }

func (t *tallies) add(word string) {
	n, known := t.by.Load(word)
	if !known {
		n, _ = t.by.LoadOrStore(word, &atomic.Uint64{})
	}
	n.(*atomic.Uint64).Add(1)
}

func (t *tallies) all() map[string]uint64 {
	all := map[string]uint64{}
	t.by.Range(func(word, n any) bool {
		all[word.(string)] = n.(*atomic.Uint64).Load()
		return true
	})
	return all
}
