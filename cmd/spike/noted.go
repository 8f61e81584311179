package main

import (
	"context"
	"fmt"
	"os"

	"spike/luascripts/ledger"
)

// noted notes in the journal what this command has done. It is done, even if nobody can note it.
func noted(ctx context.Context, j ledger.Journal, did, sale, what string) {
	e := ledger.Entry{Did: did, Sale: sale, From: "cli", Who: osUser(), What: what}
	if err := j.Note(ctx, e); err != nil {
		fmt.Fprintln(os.Stderr, "spike: it is done, but not noted in the journal:", err)
	}
}
