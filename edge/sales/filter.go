package sales

import (
	"encoding/binary"
	"sync/atomic"
)

// filter is a Bloom filter of hashes. It never denies a hash that it has. Of hashes that it has not it takes one of about 1,000
// for its own, while it has no more than its room. Reading and adding take no lock.
type filter struct {
	words []atomic.Uint64
	room  int
	has   int // hashes added so far; only the adder reads it
}

const (
	bitsEach = 16
	probes   = 6
)

func newFilter(room int) *filter {
	return &filter{words: make([]atomic.Uint64, (room*bitsEach+63)/64), room: room}
}

func (f *filter) add(kind byte, hash [8]byte) {
	f.has++
	for at, step, k := f.begin(kind, hash), f.step(hash), 0; k < probes; k++ {
		f.words[at/64%uint64(len(f.words))].Or(1 << (at % 64))
		at += step
	}
}

// mayHave says whether the filter may have a hash.
func (f *filter) mayHave(kind byte, hash [8]byte) bool {
	for at, step, k := f.begin(kind, hash), f.step(hash), 0; k < probes; k++ {
		if f.words[at/64%uint64(len(f.words))].Load()&(1<<(at%64)) == 0 {
			return false
		}
		at += step
	}
	return true
}

// begin is where the probes of a hash begin, and step is how far apart they are. They are mixed, because a buyer's hash is not as
// long as a key's.
func (f *filter) begin(kind byte, hash [8]byte) uint64 {
	return mix(binary.BigEndian.Uint64(hash[:]) + uint64(kind)<<56)
}

func (f *filter) step(hash [8]byte) uint64 { return mix(^binary.BigEndian.Uint64(hash[:])) | 1 }

// mix is splitmix64's finalizer.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
