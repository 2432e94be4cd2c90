package streamio

import "sync"

// What may be on its way to one connection of the portable engine.
const (
	mailCount = 1024
	mailBytes = 1 << 20
)

// mail is what others have posted to a connection of the portable engine.
type mail struct {
	mu       sync.Mutex
	messages [][]byte
	bytes    int
	closed   bool
}

// put adds a message, unless too much is there or nobody will come for it.
func (m *mail) put(message []byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || len(m.messages) == mailCount || m.bytes+len(message) > mailBytes {
		return false
	}
	m.messages = append(m.messages, message)
	m.bytes += len(message)
	return true
}

// take empties the mail.
func (m *mail) take() [][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	messages := m.messages
	m.messages, m.bytes = nil, 0
	return messages
}

// shut takes what is left, and nothing comes after it.
func (m *mail) shut() (left int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	left = len(m.messages)
	m.messages, m.closed = nil, true
	return left
}

func (m *mail) waits() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.messages) > 0
}
