package nginx

import (
	"strconv"
	"strings"
	"time"
)

// What a flag says of its sale. That there is something of that name decides, not what it is.
type What string

// What there is to say. Of two flags, nginx believes the first.
const (
	SoldOut What = "sold-out" // for good: nothing comes back by itself
	NoneNow What = "none-now" // nothing to be had, but held units may come back
)

// SlotSeconds is how long a flag is believed, and that without help: its name ends in the number of its slot, and nginx
// looks for the present slot's name only. So who writes this slot's name and the next's may die, and nginx asks the
// edges again after at most two slots. nginx computes the same number from $msec (see nginx.conf.tmpl), which knows no
// time zone.
const SlotSeconds = 10

// Slot is the number of the slot that t lies in.
func Slot(t time.Time) int64 { return t.Unix() / SlotSeconds }

// FlagName is the name, within gate_dir, of the flag by which nginx knows something of a sale throughout a slot: an empty
// directory, for nginx's cache holds every file open that it has looked at, and no directory. nginx opens it to look, so its
// user must be able to read it. Different arguments never give the same name.
func FlagName(sale string, what What, slot int64) string {
	return sale + "." + string(what) + "." + strconv.FormatInt(slot, 10)
}

// ParseFlagName is the reverse of FlagName; ok is false for a name that FlagName does not give.
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
