/* Memory, which is given and never taken back: the sandbox ends with the decision. */

#include <stdlib.h>
#include <string.h>

#include "muster.h"

#define PAGE 65536

/* Where the linker's data end. */
extern uint8_t __heap_base;
static uintptr_t used = (uintptr_t)&__heap_base;

/* malloc, realloc and free are what the bindings ask for. */
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

/* It takes along what lies behind the old, which means nothing to anybody. */
void *realloc(void *old, size_t size)
{
	void *moved = malloc(size);
	return old ? memmove(moved, old, size) : moved;
}

void free(void *memory)
{
	(void)memory;
}
