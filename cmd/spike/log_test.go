package main

import (
	"io"
	"strings"
	"testing"
)

// Row D1: a log reader that stands still makes no writer wait. The lines that it does not take are counted. Once it reads
// again, it reads how many lines were lost.
func TestD1SlowReaderOfTheLog(t *testing.T) {
	in, out := io.Pipe() // a write to it waits for a reader
	l := newLines(out, linesLost["text"])
	const written = 3 * linesWaiting
	for range written {
		if n, err := l.Write([]byte("a line\n")); n != 7 || err != nil {
			t.Fatal(n, err)
		}
	}
	lost := l.lost.Load()
	if lost < written-linesWaiting-1 || lost >= written {
		t.Errorf("%d of %d lines lost", lost, written)
	}
	read := make(chan string)
	go func() {
		text, _ := io.ReadAll(in)
		read <- string(text)
	}()
	l.Close()
	_ = out.Close()
	text := <-read
	if n := strings.Count(text, "a line\n"); n != written-int(lost) {
		t.Errorf("%d lines read, %d of %d lost", n, lost, written)
	}
	if n := strings.Count(text, "lines were lost"); n != 1 {
		t.Errorf("the loss is reported %d times", n)
	}
}

// If the reader is gone, every line is lost, and Close does not wait for the reader.
func TestD1NoReaderOfTheLog(t *testing.T) {
	in, out := io.Pipe()
	_ = in.Close()
	l := newLines(out, linesLost["text"])
	for range 10 {
		_, _ = l.Write([]byte("a line\n"))
	}
	l.Close()
	if l.lost.Load() != 10 {
		t.Errorf("%d of 10 lost", l.lost.Load())
	}
}
