package nginx

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestWordsStandInQuotes: nginx.conf has every body between single quotes, and in it a dollar sign begins a variable.
func TestWordsStandInQuotes(t *testing.T) {
	for _, v := range []format{articles["zh"], articles["en"], v1} {
		for _, a := range []answer{v.SoldOut, v.NoneNow, v.Undecided, v.TooMany} {
			if strings.ContainsAny(a.Body, `'$\`) || !json.Valid([]byte(a.Body)) {
				t.Errorf("%s cannot stand there", a.Body)
			}
		}
	}
}
