package sales

import (
	"context"
	"slices"
	"sync"

	"spike/luascripts/ledger"
)

// maxUnasked is how many sales are named that nobody has asked this edge for.
const maxUnasked = 1000

// unasked is the sales that this edge has heard of, whether anybody has asked for them or not.
type unasked struct {
	mu    sync.Mutex
	names map[string]bool
}

// hear takes news of a sale. A sale that is closed or removed is not named any more.
func (u *unasked) hear(name string, door ledger.State) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case door == ledger.Closed:
		delete(u.names, name)
	case len(u.names) < maxUnasked:
		if u.names == nil {
			u.names = map[string]bool{}
		}
		u.names[name] = true
	}
}

// Unasked is the sales that this edge may sell and nobody has asked it for, in order; at most maxUnasked.
func (s *Registry) Unasked() (names []string) {
	s.unasked.mu.Lock()
	defer s.unasked.mu.Unlock()
	open := s.All()
	for name := range s.unasked.names {
		if open[name] == nil && s.Allows(name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// FindNames asks the store which sales there are, once. After that news tell. A store that does not answer names none.
func (s *Registry) FindNames(ctx context.Context) {
	names, _ := s.cfg.Store.List(ctx)
	for _, name := range names {
		s.unasked.hear(name, ledger.Open)
	}
}
