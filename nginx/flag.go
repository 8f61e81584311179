package nginx

import (
	"strconv"
	"strings"
	"time"
)

// What is what a flag says about its sale. Only the existence of the name counts, not the kind of file.
type What string

// The two flags. If both exist, nginx believes the first.
const (
	SoldOut What = "sold-out" // for good: no unit comes back by itself
	NoneNow What = "none-now" // no unit can be had, but held units may come back
)

// SlotSeconds is how long a flag's name is believed. The name ends in the number of its slot, and nginx looks only for the name
// of the present slot. The gate writes the names of this slot and the next. So if the gate dies, nginx asks the edges again after
// at most two slots. nginx computes the same number from $msec, which has no time zone (see nginx.conf.tmpl).
const SlotSeconds = 10

// Slot is the number of t's slot.
func Slot(t time.Time) int64 { return t.Unix() / SlotSeconds }

// FlagName is the name, within gate_dir, of a sale's flag for one slot. The flag is an empty directory, because nginx's cache
// would hold a file open, and does not hold a directory open. nginx opens the directory to look, so its user must be able to read
// it. Different arguments never give the same name.
func FlagName(sale string, what What, slot int64) string {
	return sale + "." + string(what) + "." + strconv.FormatInt(slot, 10)
}

// ParseFlagName is the reverse of FlagName. ok is false for a name that FlagName never gives.
func ParseFlagName(name string) (sale string, what What, slot int64, ok bool) {
	rest, digits, found := cutLast(name)
	if !found {
		return "", "", 0, false
	}
	slot, err := strconv.ParseInt(digits, 10, 64)
	sale, last, found := cutLast(rest)
	what = What(last)
	ok = err == nil && found && sale != "" && what.known() && FlagName(sale, what, slot) == name
	return sale, what, slot, ok
}

func (w What) known() bool { return w == SoldOut || w == NoneNow }

func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}
