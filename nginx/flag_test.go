package nginx

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestFlagNamesAreParsed(t *testing.T) {
	at := time.Unix(1763894329, 999e6)
	for _, sale := range []string{"ticket", "a.sold-out", "a.none-now.176389432", "-", strings.Repeat("x", 64)} {
		for _, what := range []What{SoldOut, NoneNow} {
			name := FlagName(sale, what, Slot(at))
			gotSale, gotWhat, slot, ok := ParseFlagName(name)
			if !ok || gotSale != sale || gotWhat != what || slot != 176389432 {
				t.Errorf("%s is read as %q %q %d %v", name, gotSale, gotWhat, slot, ok)
			}
		}
	}
	for _, name := range []string{"", "ticket", "ticket.sold-out", ".sold-out.1", "sold-out.1", "ticket.gone.1",
		"ticket.sold-out.",
		"ticket.sold-out.01", "ticket.sold-out.+1", "ticket.sold-out.x", "ticket.sold-out.1.tmp"} {
		if _, _, _, ok := ParseFlagName(name); ok {
			t.Errorf("%q is a flag", name)
		}
	}
}

// TestSlotIsNginxs computes the slot as nginx.conf does.
func TestSlotIsNginxs(t *testing.T) {
	m := regexp.MustCompile(`map \$msec \$gate_slot \{\s+~(\S+) \$1;`).FindStringSubmatch(confText)
	if m == nil {
		t.Fatal("the template has no such map")
	}
	theirs := regexp.MustCompile(m[1])
	for _, msec := range []int64{1763894320_000, 1763894319_999, 1763894329_999, 999999999_999, 1e12} {
		text := fmt.Sprintf("%d.%03d", msec/1000, msec%1000)
		if got := theirs.FindStringSubmatch(text); got == nil || got[1] != fmt.Sprint(Slot(time.UnixMilli(msec))) {
			t.Errorf("%s: nginx finds %v, Slot %d", text, got, Slot(time.UnixMilli(msec)))
		}
	}
	if SlotSeconds != 10 {
		t.Error("the template's slots have ten seconds")
	}
}
