package luascripts

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"spike/luascripts/ledger"
	"spike/shard"
)

var errReply = errors.New("script reply not understood")

// reply reads a script's reply, an array of arrays. err keeps the first thing that does not fit.
type reply struct {
	parts []rueidis.RedisMessage
	err   error
}

func (r *reply) fail(what string, err error) {
	if r.err == nil && err != nil {
		r.err = fmt.Errorf("%w: %s: %w", errReply, what, err)
	}
}

func (r *reply) part(i int) []rueidis.RedisMessage {
	if i >= len(r.parts) {
		r.fail("part", fmt.Errorf("%d of %d", i, len(r.parts)))
		return nil
	}
	p, err := r.parts[i].ToArray()
	r.fail("part", err)
	return p
}

func (r *reply) ints(i int) []int64 {
	return r.numbers(r.part(i))
}

func (r *reply) numbers(part []rueidis.RedisMessage) []int64 {
	out := make([]int64, len(part))
	for k := range part {
		n, err := part[k].AsInt64()
		r.fail("number", err)
		out[k] = n
	}
	return out
}

// row reads a part 1 of exactly n numbers.
func (r *reply) row(n int) []int64 {
	row := r.ints(1)
	if len(row) != n {
		r.fail("row", fmt.Errorf("%d of %d fields", len(row), n))
		return make([]int64, n)
	}
	return row
}

// at is field k of part 1.
func (r *reply) at(k int) rueidis.RedisMessage {
	part := r.part(1)
	if k >= len(part) {
		r.fail("field", fmt.Errorf("%d of %d", k, len(part)))
		return rueidis.RedisMessage{}
	}
	return part[k]
}

func (r *reply) int(k int) int64 {
	m := r.at(k)
	n, err := m.AsInt64()
	r.fail("number", err)
	return n
}

func (r *reply) text(k int) string {
	m := r.at(k)
	s, err := m.ToString()
	r.fail("text", err)
	return s
}

// texts reads texts and numbers alike.
func (r *reply) texts(i int) []string {
	part := r.part(i)
	out := make([]string, len(part))
	for k := range part {
		if part[k].IsInt64() {
			n, _ := part[k].AsInt64()
			out[k] = strconv.FormatInt(n, 10)
			continue
		}
		s, err := part[k].ToString()
		r.fail("text", err)
		out[k] = s
	}
	return out
}

// ranges reads `a-b,c-d`.
func (r *reply) ranges(text string) (out ledger.Ranges) {
	for _, one := range strings.Split(text, ",") {
		a, b, _ := strings.Cut(one, "-")
		start, err1 := strconv.ParseUint(a, 10, 32)
		end, err2 := strconv.ParseUint(b, 10, 32)
		r.fail("range", errors.Join(err1, err2))
		out = r.add(out, int64(start), int64(end))
	}
	return out
}

// one reads a choice from 0 to last.
func one[E ~int](r *reply, n int64, last E) E {
	if n < 0 || n > int64(last) {
		r.fail("choice", fmt.Errorf("%d of 0 to %d", n, last))
		return 0
	}
	return E(n)
}

const headFields = 22

func (r *reply) head() ledger.Head {
	part := r.part(0)
	if len(part) != headFields && len(part) != headFields+1 {
		r.fail("head", fmt.Errorf("%d fields", len(part)))
		return ledger.Head{}
	}
	n := r.numbers(part[:headFields])
	u := func(i int) uint64 { return uint64(n[i]) }
	h := ledger.Head{Raw: n[0], Now: n[1], Birth: u(2), Total: u(3), Free: u(4), Leased: u(5), Limbo: u(6), Pending: u(7),
		Confirmed: u(8), Gen: u(9), Rev: u(10), Recall: n[11] == 1, State: one(r, n[12], ledger.Drawing), Hold: n[13],
		Opens: n[14], Closes: n[15], Limit: u(16), Due: n[17] == 1, Era: u(18), Reopens: n[19], Replicas: u(20),
		Strangers: u(21)}
	if len(part) > headFields {
		h.Lots = r.lots(part[headFields])
	}
	return h
}

// grant reads a lease: fence, deadline, hold, ranges.
func (r *reply) grant(i int) ledger.Grant {
	n := r.ints(i)
	if len(n) < 3 {
		r.fail("lease", fmt.Errorf("%d fields", len(n)))
		return ledger.Grant{}
	}
	return ledger.Grant{Fence: uint64(n[0]), Deadline: n[1], Hold: n[2], Ranges: r.pairs(n[3:])}
}

// pairs reads starts and ends.
func (r *reply) pairs(n []int64) (out ledger.Ranges) {
	if len(n)%2 != 0 {
		r.fail("ranges", fmt.Errorf("%d numbers", len(n)))
		return nil
	}
	for ; len(n) > 0; n = n[2:] {
		out = r.add(out, n[0], n[1])
	}
	return out
}

// add adds a range, which must have a serial.
func (r *reply) add(to ledger.Ranges, start, end int64) ledger.Ranges {
	if start < 1 || start >= end || end > ledger.MaxSerial+1 {
		r.fail("range", fmt.Errorf("%d-%d", start, end))
		return to
	}
	return append(to, shard.Range{Start: uint32(start), End: uint32(end)})
}
