package memory

import (
	"spike/luascripts/ledger"
)

// What the scripts' oracle sees of the twin and does to it, besides calls.

// Mark is the sale's, as the store's.
func (t *Twin) Mark() ledger.Mark {
	return ledger.Mark{Birth: t.head.Birth, Era: t.head.Era, Rev: t.anchor(), Events: t.numbered}
}

// KeepEvents keeps the events from now on.
func (t *Twin) KeepEvents() { t.keeping = true }

// Events are those that were kept.
func (t *Twin) Events() []ledger.Event { return t.events }

// Fence is the newest one.
func (t *Twin) Fence() uint64 { return t.fence }

// Past is the eras that are remembered.
func (t *Twin) Past() (eras []uint64) {
	for _, p := range t.past {
		eras = append(eras, p.era)
	}
	return eras
}

// Undraw puts the draw back as it was. A refused call may have drawn lots, and a refused script writes nothing.
func (t *Twin) Undraw(before ledger.Head) { t.head.Lots, t.head.Gen = before.Lots, before.Gen }

// Rewrite makes it look as if the ledger had been written by another process, or in another era; 0: as it is.
func (t *Twin) Rewrite(run, era uint64) {
	if run > 0 {
		t.run = run
	}
	if era > 0 {
		t.head.Era = era
	}
}
