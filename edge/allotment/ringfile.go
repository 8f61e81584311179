package allotment

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"unsafe" // used only here: a file seen as slots
)

// A ring file has the Rings of one allotment, so that they outlive its process. It is mapped, so kill -9 loses no claim. It is
// written whole when it is made, so a full disk shows then. One process writes it, and keeps it locked for its life. The next
// process reads it and removes it.
//
//	0      one line of JSON: RingOwner
//	2048   how many segments follow, 8 bytes in this machine's byte order, like all that follows
//	4096   the segments, a Ring each
//
//	0      of a segment: lanes, slots of a lane, 8 bytes each
//	64     the lanes' heads, 8 bytes each
//	4096   the slots, lane by lane, 64 bytes each
//
// Format 1 had one Ring. Its lanes and slots were in the first line, its heads from 2048 on, its slots from 4096 on.
const (
	ringFormat  = 2
	countOffset = 2048
	pageSize    = 4096
	headsOffset = 64
	slotSize    = 64
	maxRingFile = 1 << 30
)

// A slot must fill its cache line exactly, or this does not compile.
const (
	_ = uint(unsafe.Sizeof(slot{}) - slotSize)
	_ = uint(slotSize - unsafe.Sizeof(slot{}))
)

// ErrRingFile says that a file is no ring file, or not a whole one.
var ErrRingFile = errors.New("not a ring file")

// mapping is a mapped segment; nil for a Ring in memory.
type mapping []byte

func (m mapping) mapped() bool { return m != nil }

func (m mapping) has(addr uintptr) bool {
	first := uintptr(unsafe.Pointer(unsafe.SliceData(m)))
	return m != nil && addr >= first && addr < first+uintptr(len(m))
}

// RingMaker makes an allotment's Rings.
type RingMaker interface {
	// Make makes a Ring with so many lanes, and so many slots in each. Positions begin at from.
	Make(lanes, slots int, from uint64) (*Ring, error)
	// Drop lets go of all Rings. The caller must make sure that no goroutine touches them, and that nothing in them is needed.
	Drop() error
	// Path is the path of the Rings' file, which may not exist yet; "": they have none.
	Path() string
}

// MemoryRings are lost with the process.
type MemoryRings struct{}

// Make implements RingMaker.
func (MemoryRings) Make(lanes, slots int, from uint64) (*Ring, error) {
	return ringOver(make([]slot, lanes*slots), lanes).from(from), nil
}

// Drop implements RingMaker.
func (MemoryRings) Drop() error { return nil }

// Path implements RingMaker.
func (MemoryRings) Path() string { return "" }

// RingFile makes Rings in a file. The file exists from the first Ring until Drop.
type RingFile struct {
	path  string
	owner RingOwner
	file  *os.File
	size  int64
	maps  [][]byte
}

// NewRingFile is a RingFile at a path. No file may be there when the first Ring is made.
func NewRingFile(path string, owner RingOwner) *RingFile {
	owner.Format = ringFormat
	return &RingFile{path: path, owner: owner}
}

// Path implements RingMaker.
func (f *RingFile) Path() string { return f.path }

// Left is the content of the file, for its owner.
func (f *RingFile) Left() *Left {
	l := &Left{RingOwner: f.owner}
	if f.file == nil {
		return l
	}
	mem, err := aligned(f.file, f.size)
	if err != nil {
		l.Torn = 1
		return l
	}
	l.left.read(l.RingOwner, mem)
	return l
}

// Make implements RingMaker. A file that could not be made whole is removed.
func (f *RingFile) Make(lanes, slots int, from uint64) (r *Ring, err error) {
	fresh := f.file == nil
	if fresh {
		err = f.create()
	}
	if err == nil {
		r, err = f.add(lanes, slots, from)
	}
	switch {
	case err == nil:
		return r, nil
	case fresh:
		err = errors.Join(err, f.Drop())
	default:
		err = errors.Join(err, f.file.Truncate(f.size))
	}
	return nil, fmt.Errorf("ring file %s: %w", f.path, err)
}

// create makes and locks the file, and writes its owner.
func (f *RingFile) create() error {
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	f.file = file
	if err = syscall.Flock(int(f.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	o := f.owner
	if err = o.here(f.file); err != nil {
		return err
	}
	line, err := json.Marshal(o)
	if err == nil && len(line) >= countOffset {
		err = errors.New("too long")
	}
	if err != nil {
		return fmt.Errorf("owner: %w", err)
	}
	page := make([]byte, pageSize)
	copy(page, append(line, '\n'))
	f.size = pageSize
	_, err = f.file.WriteAt(page, 0)
	return err
}

// add appends a segment, and counts it once it is whole.
func (f *RingFile) add(lanes, slots int, from uint64) (*Ring, error) {
	size := pageSize + lanes*slots*slotSize
	var zero [64 << 10]byte
	for at := 0; at < size; at += len(zero) {
		if _, err := f.file.WriteAt(zero[:min(size-at, len(zero))], f.size+int64(at)); err != nil {
			return nil, err
		}
	}
	mem, err := syscall.Mmap(int(f.file.Fd()), f.size, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map: %w", err)
	}
	r := ringOver(in[slot](mem, pageSize, lanes*slots), lanes)
	r.mem, r.heads = mem, in[atomic.Uint64](mem, headsOffset, lanes)
	ok := r.shape(lanes, slots, from)
	count := binary.NativeEndian.AppendUint64(nil, uint64(len(f.maps)+1))
	if _, err = f.file.WriteAt(count, countOffset); err != nil || !ok {
		return nil, errors.Join(err, syscall.Munmap(mem))
	}
	f.maps, f.size = append(f.maps, mem), f.size+int64(size)
	return r, nil
}

// shape writes a segment's head for readers. It is false if the file has failed already.
func (r *Ring) shape(lanes, slots int, from uint64) bool {
	defer r.survive(debug.SetPanicOnFault(true))
	words := in[atomic.Uint64](r.mem, 0, 2)
	words[0].Store(uint64(lanes))
	words[1].Store(uint64(slots))
	r.from(from).free()
	return !r.failed.Load()
}

// Drop implements RingMaker. It removes the file.
func (f *RingFile) Drop() error {
	if f.file == nil {
		return nil
	}
	err := os.Remove(f.path)
	for _, mem := range f.maps {
		err = errors.Join(err, syscall.Munmap(mem))
	}
	err = errors.Join(err, f.file.Close())
	f.file, f.maps, f.size = nil, nil, 0
	return err
}

// Forsake lets go of a file that has failed. Its memory stays mapped, because a goroutine may still use it.
func (f *RingFile) Forsake() error {
	f.maps = nil
	return f.Drop()
}

// in is n slots or words of a file, from an offset on.
func in[T slot | atomic.Uint64](mem []byte, at, n int) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(&mem[at])), n)
}

// aligned is the bytes of a file. They begin at a word's boundary.
func aligned(file io.ReaderAt, size int64) ([]byte, error) {
	words := make([]uint64, (size+7)/8+1)
	mem := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), size)
	_, err := file.ReadAt(mem, 0)
	return mem, err
}
