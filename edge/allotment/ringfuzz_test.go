package allotment

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"spike/luascripts/ledger"
)

// slotsAt is where the slots of a file's first Ring begin.
const slotsAt = 2 * pageSize

// realRing is the file of a dead edge. It has claims that the ledger has, claims that it has not, and other records.
func realRing(t testing.TB, size, puts int) (text []byte, left []ledger.Claim) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.ring")
	r := mapRing(t, path, size)
	for i := range uint64(puts) {
		put(t, r, claim, sampleClaim(i))
		if i < uint64(puts)/2 {
			r.collect(1, func(record) {})
			r.free()
			continue
		}
		left = append(left, sampleClaim(i))
	}
	put(t, r, unsold, sampleClaim(99))
	put(t, r, void, ledger.Claim{})
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text, left
}

// readText reads a ring file with this content. It also returns how many bytes the reading allocated.
func readText(t testing.TB, text []byte) (o RingOwner, claims []ledger.Claim, torn int, took uint64, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.ring")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	o, claims, torn, err = readOnce(path)
	runtime.ReadMemStats(&after)
	return o, claims, torn, after.TotalAlloc - before.TotalAlloc, err
}

// FuzzRingFile: one byte of a real file is changed, and the file is cut or grown. It gives no claim that was not in it, unless
// the byte was in a head or in the first line, which have no checksum. Reading costs a few times the file's size.
func FuzzRingFile(f *testing.F) {
	good, left := realRing(f, 8, 12)
	for at := range []int{0, 1, 11, countOffset, pageSize, pageSize + headsOffset, slotsAt} {
		f.Add(at, byte(0), len(good))
	}
	f.Add(slotsAt+8, byte(1), len(good))
	f.Add(slotsAt+24, byte(0xff), len(good))
	f.Add(0, good[0], len(good)-1)
	f.Add(0, good[0], slotsAt)
	f.Add(0, good[0], len(good)+slotSize)
	f.Add(pageSize, byte('9'), len(good))
	f.Add(pageSize+8, byte(0), len(good))
	f.Fuzz(func(t *testing.T, at int, b byte, size int) {
		if size < 0 || size > 2*len(good) || at < 0 {
			return
		}
		text := append(slices.Clone(good), make([]byte, len(good))...)[:size]
		if at < size {
			text[at] = b
		}
		_, claims, torn, took, err := readText(t, text)
		if took > uint64(8*size)+64<<10 {
			t.Errorf("%d bytes cost %d", size, took)
		}
		if err != nil {
			if !errors.Is(err, ErrRingFile) || len(claims) > 0 {
				t.Errorf("%d claims and %v", len(claims), err)
			}
			return
		}
		if size != len(good) && torn == 0 || len(claims)+torn > size/slotSize+1 {
			t.Errorf("%d of %d bytes taken: %d claims, %d torn", size, len(good), len(claims), torn)
		}
		settled := at >= countOffset && at < slotsAt // claims that the ledger has may come again: each settles once
		for _, c := range claims {
			if !slices.Contains(left, c) && !settled {
				t.Errorf("byte %d as %#x: %+v was never left", at, b, c)
			}
		}
		if at >= slotsAt && size >= len(good) && len(claims) < len(left)-1 {
			t.Errorf("byte %d as %#x: %d of %d claims", at, b, len(claims), len(left))
		}
	})
}

// FuzzSlots: a slot gives no claim if its checksum is wrong, whatever is in the slot.
func FuzzSlots(f *testing.F) {
	good, _ := realRing(f, 8, 12)
	for i := range 8 {
		f.Add(good[slotsAt+i*slotSize : slotsAt+(i+1)*slotSize])
	}
	f.Add(make([]byte, slotSize))
	f.Add(bytes.Repeat([]byte{0xff}, slotSize))
	f.Fuzz(func(t *testing.T, one []byte) {
		text := slices.Clone(good)
		clear(text[slotsAt:])
		clear(text[pageSize+headsOffset : slotsAt])
		copy(text[slotsAt:slotsAt+slotSize], one)
		_, claims, torn, _, err := readText(t, text)
		if err != nil {
			t.Fatal(err)
		}
		s := slotAt(text[slotsAt : slotsAt+slotSize])
		turn := s.turn.Load()
		whole := turn > 0 && s.sum == s.checksum(turn)
		if len(claims) > 0 && (!whole || s.kind != claim || claims[0] != s.Claim) || len(claims)+torn > 1 || turn > 0 &&
			!whole && torn != 1 {
			t.Errorf("%x: %d claims, %d torn", one, len(claims), torn)
		}
	})
}

// slotAt is a copy of the slot in these bytes.
func slotAt(b []byte) *slot {
	s := new(slot)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(s)), slotSize), b)
	return s
}

// FuzzRingOwner: the first line says what the rest of the file must look like. If the rest differs, that counts as torn.
func FuzzRingOwner(f *testing.F) {
	for _, line := range []string{`{"format":1,"sale":"ticket","lanes":1,"slots":1}`, `{"format":1,"lanes":0,"slots":0}`,
		`{"format":1,"lanes":-1,"slots":-1}`,
		`{"format":1,"lanes":256,"slots":1048576}`, `{"format":1,"lanes":4611686018427387904,"slots":4}`,
		`{"format":2,"lanes":1,"slots":1}`, `{"format":1,"lanes":3,"slots":1}`,
		`{"lanes":1e3}`, `null`, ``, `[`} {
		for _, slots := range []uint16{0, 1, 4} {
			f.Add(line, slots)
		}
	}
	f.Fuzz(func(t *testing.T, line string, slots uint16) {
		if len(line) > 1<<16 || slots > 1<<10 {
			return
		}
		text := append([]byte(line), '\n')
		text = append(text, make([]byte, max(pageSize-len(text), 0)+int(slots)*slotSize)...)
		o, claims, torn, took, err := readText(t, text)
		if took > uint64(8*len(text))+64<<10 {
			t.Errorf("%q: %d bytes cost %d", line, len(text), took)
		}
		odd := o.Format == 1 && pageSize+o.Lanes*o.Slots*slotSize != len(text)
		if err == nil && (o.Format != ringFormat && o.Format != 1 || o.Format == 1 && (o.Lanes < 1 || o.Slots < 1) || odd &&
			torn == 0) || len(claims)+torn > 1+int(slots)+len(line)/slotSize {
			t.Errorf("%q and %d slots: %+v, %d claims", line, slots, o, len(claims))
		}
		if err != nil && !errors.Is(err, ErrRingFile) {
			t.Errorf("%q: %v", line, err)
		}
	})
}
