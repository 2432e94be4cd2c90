//go:build amd64 || arm64

package streamio

import (
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/shoal-tracker/shoal"
)

// What may be on its way to one loop.
const (
	inboxCount = 1 << 16
	inboxBytes = 32 << 20
)

// letter is a message on its way to a connection.
type letter struct {
	to      shoal.Link
	message []byte
}

// news is what a handshake has to say to its loop. There are as many of them as
// handshakes, which are bounded elsewhere.
type news struct {
	of   shoal.Link
	done bool // it has ended, with err
	err  error
}

// inbox is what others have for a loop. They wake it only while it sleeps, so
// that many messages cost one wake-up.
type inbox struct {
	wake int // eventfd

	mu      sync.Mutex
	letters []letter
	bytes   int
	news    []news
	asleep  bool
	closed  bool
}

// put adds a message, unless there are too many.
func (i *inbox) put(l letter) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed || len(i.letters) == inboxCount || i.bytes+len(l.message) > inboxBytes {
		return false
	}
	i.letters = append(i.letters, l)
	i.bytes += len(l.message)
	i.rouse()
	return true
}

func (i *inbox) tell(n news) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.closed {
		i.news = append(i.news, n)
		i.rouse()
	}
}

// ring wakes the loop, for something that it looks at by itself.
func (i *inbox) ring() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asleep = i.asleep || !i.closed
	i.rouse()
}

func (i *inbox) rouse() {
	if !i.asleep || i.closed {
		return
	}
	i.asleep = false
	one := uint64(1)
	_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(i.wake), uintptr(unsafe.Pointer(&one)), unsafe.Sizeof(one))
}

// sleep says that the loop is about to wait. false: there is something to do.
func (i *inbox) sleep() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asleep = len(i.letters) == 0 && len(i.news) == 0
	return i.asleep
}

func (i *inbox) rise() {
	i.mu.Lock()
	i.asleep = false
	i.mu.Unlock()
}

// count returns how much there is to take.
func (i *inbox) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.letters) + len(i.news)
}

// take empties the inbox into the two slices that the loop has done with.
func (i *inbox) take(letters []letter, all []news) ([]letter, []news) {
	i.mu.Lock()
	defer i.mu.Unlock()
	letters, i.letters = i.letters, letters[:0]
	all, i.news = i.news, all[:0]
	i.bytes = 0
	return letters, all
}

// shut drops everything, now and later.
func (i *inbox) shut() (left int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	left = len(i.letters)
	i.letters, i.news, i.closed = nil, nil, true
	return left
}
