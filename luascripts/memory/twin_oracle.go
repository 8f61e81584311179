package memory

import (
	"spike/luascripts/ledger"
)

// The oracle of the scripts' tests reads this of the twin, and does this to it, besides calls.

// Mark is the sale's mark, as ledger.Store's Marks gives it.
func (t *Twin) Mark() ledger.Mark {
	return ledger.Mark{Birth: t.head.Birth, Era: t.head.Era, Rev: t.anchor(), Events: t.numbered}
}

// KeepEvents keeps the events from now on.
func (t *Twin) KeepEvents() { t.keeping = true }

// Events are the kept events.
func (t *Twin) Events() []ledger.Event { return t.events }

// Fence is the newest fence.
func (t *Twin) Fence() uint64 { return t.fence }

// Past is the eras that the ledger remembers.
func (t *Twin) Past() (eras []uint64) {
	for _, p := range t.past {
		eras = append(eras, p.era)
	}
	return eras
}

// Undraw undoes the draw of a refused call: a refused script writes nothing.
func (t *Twin) Undraw(before ledger.Head) { t.head.Lots, t.head.Gen = before.Lots, before.Gen }

// Rewrite makes the ledger look as if another process, or another era, had written it; 0 leaves the value.
func (t *Twin) Rewrite(run, era uint64) {
	if run > 0 {
		t.run = run
	}
	if era > 0 {
		t.head.Era = era
	}
}
