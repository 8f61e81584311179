package memory

import (
	"slices"
	"testing"

	"spike/luascripts/ledger"
)

// A mark that says more names have gone than did is of another log: an edit has emptied it since. All names are new then.
func TestMarkOfAnotherLog(t *testing.T) {
	log := answerLog{fields: []string{"ka", "kb", "kc"}, dropped: 1}
	for known, want := range map[ledger.LogMark][]string{
		{}:                  {"ka", "kb", "kc"},
		{Last: 2, First: 1}: {"kb", "kc"},
		{Last: 3, First: 2}: {"ka", "kb", "kc"},
		{Last: 9, First: 9}: {"ka", "kb", "kc"},
	} {
		names, mark, more := log.since(known)
		if !slices.Equal(names, want) || mark != (ledger.LogMark{Last: 4, First: 1}) || more {
			t.Errorf("since %+v: %q %+v %v, want %q", known, names, mark, more, want)
		}
	}
}
