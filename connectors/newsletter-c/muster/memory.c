/* An allocator without deallocation: the sandbox ends with the decision. */

#include <stdlib.h>
#include <string.h>

#include "muster.h"

#define PAGE 65536

/* The end of the linker's data. */
extern uint8_t __heap_base;
static uintptr_t used = (uintptr_t)&__heap_base;

/* The bindings call malloc, realloc and free. */
void *malloc(size_t size)
{
	uint64_t begin = ((uint64_t)used + 15) & ~(uint64_t)15;
	uint64_t end = begin + size;
	uint64_t there = (uint64_t)__builtin_wasm_memory_size(0) * PAGE;
	uint64_t pages = end > there ? (end - there + PAGE - 1) / PAGE : 0;
	bool too_much = end > UINT32_MAX;
	if (too_much || (pages > 0 && __builtin_wasm_memory_grow(0, (size_t)pages) == SIZE_MAX))
		fail(TEXT("There is no memory left."));
	used = (uintptr_t)end;
	return (void *)(uintptr_t)begin;
}

/* Copies up to `size` bytes from the old block. Bytes past its end are arbitrary and not used. */
void *realloc(void *old, size_t size)
{
	void *moved = malloc(size);
	return old ? memmove(moved, old, size) : moved;
}

void free(void *memory)
{
	(void)memory;
}
