package chaos

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// tried is the fate of a known buyer's key.
type tried struct {
	first  time.Duration // when it was first sent
	answer *Op           // nil: nobody has heard one
	life   *life         // of its win
}

// JudgeKeys checks the answers to known buyers in a sale with a limit per buyer: a key has one answer, nobody has more than the
// limit, and a buyer who hears of the limit may have had as much.
func JudgeKeys(ops []Op, limit int) (broken []string) {
	buyers, two := triedBy(ops)
	broken = few(two)
	var over, burnt []string
	for _, buyer := range slices.Sorted(maps.Keys(buyers)) {
		over = append(over, overLimit(buyer, buyers[buyer], limit)...)
		burnt = append(burnt, tooFew(buyer, buyers[buyer], limit)...)
	}
	return append(append(broken, few(over)...), few(burnt)...)
}

// triedBy returns the keys of each buyer, and those with two answers.
func triedBy(ops []Op) (buyers map[string]map[string]*tried, two []string) {
	buyers = map[string]map[string]*tried{}
	lives := livesByToken(ops)
	for _, op := range byStart(ops) {
		if op.Key == "" {
			continue
		}
		keys := buyers[op.Buyer]
		if keys == nil {
			keys = map[string]*tried{}
			buyers[op.Buyer] = keys
		}
		k := keys[op.Key]
		if k == nil {
			k = &tried{first: op.Start}
			keys[op.Key] = k
		}
		switch {
		case op.Word != Won && op.Word != OverLimit:
		case k.answer == nil:
			if k.answer = &op; op.Word == Won {
				k.life = lives[op.Token]
			}
		case k.answer.Word != op.Word || op.Word == Won && k.answer.Token != op.Token:
			two = append(two, fmt.Sprintf("key %s of %s has two answers:\n\t%v\n\t%v", op.Key, op.Buyer, *k.answer, op))
		}
	}
	return buyers, two
}

// livesByToken returns the life of each win.
func livesByToken(ops []Op) map[string]*life {
	var told []Op
	for _, op := range ops {
		if op.Serial > 0 {
			told = append(told, op)
		}
	}
	of := map[string]*life{}
	for _, l := range livesOf(told) {
		of[l.win.Token] = l
	}
	return of
}

// overLimit names buyers who had more units at the same time.
func overLimit(buyer string, keys map[string]*tried, limit int) (broken []string) {
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		k, has := keys[name], 0
		if k.life == nil {
			continue
		}
		when := k.life.win.End
		for _, other := range keys {
			if other.life != nil && other.life.win.End <= when && other.life.gone() > when {
				has++
			}
		}
		if has > limit {
			broken = append(broken, fmt.Sprintf("%s has %d units, and the limit is %d, when key %s wins:\n\t%v", buyer, has, limit, name,
				k.life.win))
		}
	}
	return broken
}

// tooFew names buyers who heard of the limit and cannot have had as much. The ledger's time may stand still, so only an answer
// says that a unit is gone.
func tooFew(buyer string, keys map[string]*tried, limit int) (broken []string) {
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		k, may := keys[name], 0
		if k.answer == nil || k.answer.Word != OverLimit {
			continue
		}
		for _, other := range keys {
			if other != k && other.first < k.answer.End && other.mayHave(k.first) {
				may++
			}
		}
		if may < limit {
			broken = append(broken, fmt.Sprintf("%s can have had %d units of %d, and key %s is over the limit:\n\t%v", buyer, may, limit,
				name, *k.answer))
		}
	}
	return broken
}

// mayHave says whether a key's buyer may have had its unit at that time, or later.
func (k *tried) mayHave(at time.Duration) bool {
	switch {
	case k.answer == nil:
		return true
	case k.life == nil:
		return false
	}
	return k.life.over > at
}
