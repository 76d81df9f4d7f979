package world

// Keep holds the latest things by name and forgets the oldest beyond a bound.
// It is not safe for concurrent use: its owner has the lock.
type Keep[T any] struct {
	max   int
	byKey map[string]T
	order []string // oldest first; order[:gone] have been forgotten
	gone  int
}

// NewKeep makes a Keep of at most limit things.
func NewKeep[T any](limit int) *Keep[T] {
	return &Keep[T]{max: limit, byKey: make(map[string]T)}
}

// Clear forgets everything.
func (k *Keep[T]) Clear() {
	clear(k.byKey)
	k.order, k.gone = nil, 0
}

// Len is how many things are kept.
func (k *Keep[T]) Len() int { return len(k.byKey) }

// Get returns the thing of that name.
func (k *Keep[T]) Get(key string) (T, bool) {
	v, ok := k.byKey[key]
	return v, ok
}

// Put keeps a thing under a name, and returns the one that was forgotten for it,
// if any. What has that name already gives way and is not returned.
func (k *Keep[T]) Put(key string, v T) (old T, forgot bool) {
	_, there := k.byKey[key]
	k.byKey[key] = v
	if there {
		return old, false
	}
	k.order = append(k.order, key)
	if len(k.byKey) <= k.max {
		return old, false
	}
	oldest := k.order[k.gone]
	old = k.byKey[oldest]
	delete(k.byKey, oldest)
	k.order[k.gone] = ""
	k.gone++
	if k.gone > k.max {
		k.order = append([]string(nil), k.order[k.gone:]...)
		k.gone = 0
	}
	return old, true
}

// Newest calls yield with each thing, newest first, until it returns false.
func (k *Keep[T]) Newest(yield func(T) bool) {
	for i := len(k.order) - 1; i >= k.gone; i-- {
		if !yield(k.byKey[k.order[i]]) {
			return
		}
	}
}
