package edge

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/rs/zerolog/diode"

	"spike/edge/sales"
)

// decisions is the article's stat.log. It has a line for each decision, `result:1,localSales:17`. localSales is how many buys
// have won on this edge so far. A buy never waits for the log: lines that the writer has no time for are dropped, and counted.
type decisions struct {
	file    string
	log     zerolog.Logger
	lines   io.Closer // the lines that wait
	dropped atomic.Uint64

	mu  sync.Mutex // held to write a line, and to change the file
	out *os.File
}

// decisionRing is how many lines may wait for the disk.
const decisionRing = 1 << 16

// openDecisions opens the log. For "" it is the zero value, which notes nothing.
func openDecisions(file string) (*decisions, error) {
	d := &decisions{file: file}
	if file == "" {
		return d, nil
	}
	if err := d.reopen(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	ring := diode.NewWriter(d, decisionRing, 10*time.Millisecond, func(n int) { d.dropped.Add(uint64(n)) })
	d.log, d.lines = zerolog.New(ring), ring
	return d, nil
}

// reopen opens the file anew, because another file may have its name by now. Lines that wait go to that file.
func (d *decisions) reopen() (err error) {
	if d.file == "" {
		return nil
	}
	out := os.Stdout
	if d.file != "-" {
		if out, err = os.OpenFile(d.file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return fmt.Errorf("decision log: %w", err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.out
	d.out = out
	return shut(before)
}

// Write writes a line, for diode. It counts the lines that could not be written.
func (d *decisions) Write(line []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.out.Write(line)
	if err != nil {
		d.dropped.Add(1)
	}
	return n, err
}

// Close closes the file, for diode.
func (d *decisions) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return shut(d.out)
}

func shut(file *os.File) error {
	if file == nil || file == os.Stdout {
		return nil
	}
	return file.Close()
}

func (d *decisions) note(sale *sales.Sale, yes bool) {
	result, local := byte('0'), sale.Won.Load()
	if yes {
		result, local = '1', sale.Won.Add(1)
	}
	var room [48]byte
	text := append(append(append(room[:0], "result:"...), result), ",localSales:"...)
	text = strconv.AppendUint(text, local, 10)
	d.log.Log().Str("sale", sale.Name).Int64("us", time.Now().UnixMicro()).Msg(string(text))
}

// decisionGrace is how long finish waits for the reader of the log, which may be a pipe.
const decisionGrace = time.Second

// finish writes the lines that wait. It gives up if the reader of the log stands still.
func (d *decisions) finish() {
	if d.lines == nil {
		return
	}
	written := make(chan struct{})
	go func() {
		_ = d.lines.Close()
		close(written)
	}()
	select {
	case <-written:
	case <-time.After(decisionGrace):
	}
}
