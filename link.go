package shoal

// Link names one connection of one node for as long as it is open, so that
// anybody can send to it: node 8 bits, event loop 8, slot 24, generation 24,
// from the highest to the lowest. Slots are used again, with another generation
// each time, so a Link that outlived its connection reaches nobody. The zero
// Link names none.
type Link uint64

// The widest slot and generation that a Link holds.
const (
	MaxLinkSlot       = 1<<24 - 1
	MaxLinkGeneration = 1<<24 - 1
)

// NewLink returns the Link of a slot of an event loop. The generation is 1 or
// more; what does not fit into 24 bits is cut off.
func NewLink(node, loop uint8, slot, generation uint32) Link {
	return Link(node)<<56 | Link(loop)<<48 | Link(slot&MaxLinkSlot)<<24 | Link(generation&MaxLinkGeneration)
}

// Node returns the number of the node, 0 where there is only one.
func (l Link) Node() uint8 { return uint8(l >> 56) }

// Loop returns the number of the event loop within its node.
func (l Link) Loop() uint8 { return uint8(l >> 48) }

// Slot returns the number of the connection within its loop.
func (l Link) Slot() uint32 { return uint32(l>>24) & MaxLinkSlot }

// Generation tells the connections apart that had the same slot.
func (l Link) Generation() uint32 { return uint32(l) & MaxLinkGeneration }
