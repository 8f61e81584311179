package luascripts

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"spike/luascripts/ledger"
	"spike/shard"
)

// words are a command of a scenario: its name, plain words, and name=value. A word that the command does not ask for is an error.
type words struct {
	t     *testing.T
	word  string
	plain []string
	named map[string]string
}

func parseWords(t *testing.T, line string) *words {
	if line == "redis only" {
		return &words{t: t, word: line}
	}
	fields := strings.Fields(line)
	c := &words{t: t, word: fields[0], named: map[string]string{}}
	for _, f := range fields[1:] {
		if name, value, ok := strings.Cut(f, "="); ok && c.word != "hand" {
			c.named[name] = value
		} else {
			c.plain = append(c.plain, f)
		}
	}
	return c
}

func (c *words) fatal(what string) {
	c.t.Helper()
	c.t.Fatalf("%s: %s, of %v %v", c.word, what, c.plain, c.named)
}

// spent fails for a word that means nothing.
func (c *words) spent() {
	if len(c.named) > 0 || len(c.plain) > 0 {
		c.fatal("nobody asked for")
	}
}

func (c *words) text(name, other string) string {
	value, ok := c.named[name]
	if !ok {
		return other
	}
	delete(c.named, name)
	return value
}

func (c *words) number(name string, other uint64) uint64 {
	return c.numberOf(c.text(name, num(other)))
}

func (c *words) numberOf(text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		c.fatal(text)
	}
	return n
}

func (c *words) duration(name, other string) time.Duration {
	d, err := time.ParseDuration(c.text(name, other))
	if err != nil {
		c.fatal(name)
	}
	return d
}

// flag is a plain word that is there or not.
func (c *words) flag(name string) bool {
	i := slices.Index(c.plain, name)
	if i >= 0 {
		c.plain = slices.Delete(c.plain, i, i+1)
	}
	return i >= 0
}

// next takes the first plain word.
func (c *words) next() string {
	if len(c.plain) == 0 {
		c.fatal("a word is missing")
	}
	w := c.plain[0]
	c.plain = c.plain[1:]
	return w
}

// rest takes all plain words.
func (c *words) rest() []string {
	w := c.plain
	c.plain = nil
	return w
}

// rangesOf reads `1-3,7-9`: serials 1, 2, 7 and 8.
func (c *words) rangesOf(text string) (out ledger.Ranges) {
	if text == "" {
		return nil
	}
	for one := range strings.SplitSeq(text, ",") {
		a, b, _ := strings.Cut(one, "-")
		from, err := strconv.ParseUint(a, 10, 32)
		to, err2 := strconv.ParseUint(b, 10, 32)
		if err != nil || err2 != nil {
			c.fatal(text)
		}
		out = append(out, shard.Range{Start: uint32(from), End: uint32(to)})
	}
	return out
}

func boundsOf(c *words, b ledger.Bounds) ledger.Bounds {
	b.Step = c.duration("step", b.Step.String())
	b.Keep = c.duration("keep", b.Keep.String())
	b.Forget = c.duration("forget", b.Forget.String())
	b.Proof = c.duration("proof", b.Proof.String())
	for name, n := range map[string]*int{"sweep": &b.Sweep, "frees": &b.Frees, "held": &b.Held, "ranges": &b.Ranges,
		"index": &b.Index,
		"enter": &b.Enter, "refused": &b.Refused, "most": &b.Most, "group": &b.Group, "holders": &b.Holders} {
		*n = int(c.number(name, uint64(*n)))
	}
	return b
}

func buyerOf(name string) (b ledger.Buyer) {
	copy(b[:], name)
	return b
}

func keyOf(name string) (k ledger.IdempotencyKey) {
	copy(k[:], name)
	return k
}
