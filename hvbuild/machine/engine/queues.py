"""Ready lists, the heaps of wake-ups, the list of replenishments: orders the machine keeps."""

from hvbuild.machine.engine.layout import (
    COUNT,
    EXACT,
    ITEM,
    KEY_ORDER,
    KEY_TIME,
    LIST,
    LISTS,
    MASK,
    NEXT,
    PENDING,
    POST_NEXT,
    POST_TIME,
    PREV,
    PRIO,
    REPL_HEAD,
    SEQUENCE,
    SIZE,
    TOP,
    Memory,
)


def enqueue_tail(m: Memory, t: int) -> None:
    """Put `t` behind the threads of its priority."""
    lists = m[t + LISTS]
    level = m[t + PRIO]
    place = lists + LIST + 2 * level
    tail = m[place + 1]
    m[t + NEXT] = 0
    m[t + PREV] = tail
    if tail:
        m[tail + NEXT] = t
    else:
        m[place] = t
        m[lists + TOP] = max(m[lists + TOP], level)
    m[place + 1] = t
    m[lists + COUNT] += 1


def enqueue_head(m: Memory, t: int) -> None:
    """Put `t` before the threads of its priority."""
    lists = m[t + LISTS]
    level = m[t + PRIO]
    place = lists + LIST + 2 * level
    head = m[place]
    m[t + PREV] = 0
    m[t + NEXT] = head
    if head:
        m[head + PREV] = t
    else:
        m[place + 1] = t
        m[lists + TOP] = max(m[lists + TOP], level)
    m[place] = t
    m[lists + COUNT] += 1


def dequeue(m: Memory, t: int) -> None:
    """Take `t` out of its list; its priority must still be that of the list."""
    lists = m[t + LISTS]
    place = lists + LIST + 2 * m[t + PRIO]
    before = m[t + PREV]
    behind = m[t + NEXT]
    if before:
        m[before + NEXT] = behind
    else:
        m[place] = behind
    if behind:
        m[behind + PREV] = before
    else:
        m[place + 1] = before
    m[lists + COUNT] -= 1


def highest(m: Memory, lists: int) -> int:
    """The highest occupied level of `lists`, or -1."""
    level = m[lists + TOP]
    place = lists + LIST + 2 * level
    while level >= 0 and m[place] == 0:
        level -= 1
        place -= 2
    m[lists + TOP] = level
    return level


def best_allowed(m: Memory, lists: int, bit: int, floor: int) -> int:
    """The first READY thread from the top down to level `floor` whose run mask has `bit`, or 0."""
    level = highest(m, lists)
    place = lists + LIST + 2 * level
    while level >= floor:
        t = m[place]
        while t:
            if m[t + MASK] & bit:
                return t
            t = m[t + NEXT]
        level -= 1
        place -= 2
    return 0


def first_equal(m: Memory, lists: int, bit: int, level: int) -> int:
    """The first READY thread of exactly `level` whose run mask has `bit`, or 0."""
    t = m[lists + LIST + 2 * level]
    while t:
        if m[t + MASK] & bit:
            return t
        t = m[t + NEXT]
    return 0


def heap_push(m: Memory, heap: int, t: int, time: int) -> None:
    """Add thread `t` to `heap`, keyed by (`time`, order of creation); in exact mode by (`time`, thread)."""
    order = t
    if not m[EXACT]:
        order = m[SEQUENCE]
        m[SEQUENCE] = order + 1
    m[t + KEY_TIME] = time
    m[t + KEY_ORDER] = order
    at = m[heap + SIZE]
    m[heap + SIZE] = at + 1
    base = heap + ITEM
    while at > 0:
        up = (at - 1) >> 1
        other = m[base + up]
        key = m[other + KEY_TIME]
        if key < time or (key == time and m[other + KEY_ORDER] < order):
            break
        m[base + at] = other
        at = up
    m[base + at] = t


def heap_pop(m: Memory, heap: int) -> int:
    """Take the earliest thread out of `heap`, which must not be empty."""
    base = heap + ITEM
    size = m[heap + SIZE] - 1
    m[heap + SIZE] = size
    top = m[base]
    if size == 0:
        return top
    last = m[base + size]
    time = m[last + KEY_TIME]
    order = m[last + KEY_ORDER]
    at = 0
    down = 1
    while down < size:
        child = m[base + down]
        key = m[child + KEY_TIME]
        if down + 1 < size:
            right = m[base + down + 1]
            other = m[right + KEY_TIME]
            if other < key or (other == key and m[right + KEY_ORDER] < m[child + KEY_ORDER]):
                down += 1
                child = right
                key = other
        if key > time or (key == time and m[child + KEY_ORDER] > order):
            break
        m[base + at] = child
        at = down
        down = 2 * at + 1
    m[base + at] = last
    return top


def heap_remove(m: Memory, heap: int, t: int) -> None:
    """Take `t` out of `heap`, if it is there."""
    base = heap + ITEM
    at = 0
    while at < m[heap + SIZE] and m[base + at] != t:
        at += 1
    if at == m[heap + SIZE]:
        return
    while at > 0:  # to the front, whatever its time: who stood before it moves back one branch
        up = (at - 1) >> 1
        m[base + at] = m[base + up]
        at = up
    m[base] = t
    heap_pop(m, heap)


def insert_post(m: Memory, t: int, time: int) -> None:
    """Queue the replenishment of `t` for `time`, before those of equal time."""
    m[t + POST_TIME] = time
    m[t + PENDING] = 1
    before = 0
    at = m[REPL_HEAD]
    while at and m[at + POST_TIME] < time:
        before = at
        at = m[at + POST_NEXT]
    m[t + POST_NEXT] = at
    if before:
        m[before + POST_NEXT] = t
    else:
        m[REPL_HEAD] = t


def remove_post(m: Memory, t: int) -> None:
    """Take back the pending replenishment of `t`, if any."""
    if not m[t + PENDING]:
        return
    m[t + PENDING] = 0
    before = 0
    at = m[REPL_HEAD]
    while at != t:
        before = at
        at = m[at + POST_NEXT]
    if before:
        m[before + POST_NEXT] = m[t + POST_NEXT]
    else:
        m[REPL_HEAD] = m[t + POST_NEXT]
