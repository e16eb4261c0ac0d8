// A TensorFlow pluggable device, XPU, whose memory is host memory and which counts its copies.
//
// What TensorFlow wants of a device is in tensorflow/c/experimental/stream_executor; all that
// takes time on a GPU is put into the device's queue here, too.
#include <cstdlib>
#include <cstring>

#include "queue.h"
#include "tensorflow/c/experimental/stream_executor/stream_executor.h"

struct SP_Event_st {
  std::shared_ptr<xpu::Marker> marker;  // none before the event is recorded
};

struct SP_Timer_st {};

namespace xpu {
namespace {

constexpr size_t kAlignment = 64;  // Eigen's, which TensorFlow checks
constexpr int64_t kMemory = int64_t{4} << 30;

Queue& queue_of(const SP_Device* device) { return queue_of_device(device->ordinal); }

void succeed(TF_Status* status) { TF_SetStatus(status, TF_OK, ""); }

// ---- what was copied ---------------------------------------------------------------------

// Copies count when they are asked for: the counters of a thread's own copies do not depend on
// how far the queue has come.
struct Direction {
  std::atomic<uint64_t> calls{0};
  std::atomic<uint64_t> bytes{0};

  void count(uint64_t size) {
    ++calls;
    bytes += size;
  }
};

Direction host_to_device, device_to_host, device_to_device;

// ---- memory ------------------------------------------------------------------------------

void* aligned(uint64_t size) {
  const size_t blocks = (size + kAlignment - 1) / kAlignment;
  return std::aligned_alloc(kAlignment, (blocks ? blocks : 1) * kAlignment);
}

// Freed by the queue: what was asked before may still use the block. To wait for that here, as a
// GPU's driver does, could last for ever while the process exits.
void free_later(const SP_Device* device, void* block) {
  if (block) queue_of(device).add([block] { std::free(block); });
}

void allocate(const SP_Device*, uint64_t size, int64_t, SP_DeviceMemoryBase* memory) {
  memory->struct_size = SP_DEVICE_MEMORY_BASE_STRUCT_SIZE;
  memory->opaque = aligned(size);
  memory->size = size;
}

void deallocate(const SP_Device* device, SP_DeviceMemoryBase* memory) {
  free_later(device, memory->opaque);
  memory->opaque = nullptr;
  memory->size = 0;
}

void* host_memory_allocate(const SP_Device*, uint64_t size) { return aligned(size); }

void host_memory_deallocate(const SP_Device* device, void* block) { free_later(device, block); }

TF_Bool get_allocator_stats(const SP_Device*, SP_AllocatorStats*) { return false; }

TF_Bool device_memory_usage(const SP_Device*, int64_t* free, int64_t* total) {
  *free = *total = kMemory;
  return true;
}

// ---- streams -----------------------------------------------------------------------------

void create_stream(const SP_Device* device, SP_Stream* stream, TF_Status* status) {
  *stream = new SP_Stream_st{queue_of(device)};
  succeed(status);
}

void destroy_stream(const SP_Device*, SP_Stream stream) { delete stream; }

void create_stream_dependency(const SP_Device*, SP_Stream dependent, SP_Stream other,
                              TF_Status* status) {
  if (&dependent->queue != &other->queue) dependent->queue.wait_for(other->queue.mark());
  succeed(status);
}

void get_stream_status(const SP_Device*, SP_Stream, TF_Status* status) { succeed(status); }

void block_host_until_done(const SP_Device*, SP_Stream stream, TF_Status* status) {
  stream->queue.drain();
  succeed(status);
}

void synchronize_all_activity(const SP_Device* device, TF_Status* status) {
  queue_of(device).drain();
  succeed(status);
}

TF_Bool host_callback(const SP_Device*, SP_Stream stream, SE_StatusCallbackFn callback,
                      void* argument) {
  stream->queue.add([callback, argument] {
    TF_Status* status = TF_NewStatus();
    callback(argument, status);
    TF_DeleteStatus(status);
  });
  return true;
}

// ---- events ------------------------------------------------------------------------------

void create_event(const SP_Device*, SP_Event* event, TF_Status* status) {
  *event = new SP_Event_st;
  succeed(status);
}

void destroy_event(const SP_Device*, SP_Event event) { delete event; }

void record_event(const SP_Device*, SP_Stream stream, SP_Event event, TF_Status* status) {
  event->marker = stream->queue.mark();
  succeed(status);
}

SE_EventStatus get_event_status(const SP_Device*, SP_Event event) {
  return !event->marker || event->marker->reached() ? SE_EVENT_COMPLETE : SE_EVENT_PENDING;
}

void wait_for_event(const SP_Device* const, SP_Stream stream, SP_Event event,
                    TF_Status* const status) {
  if (event->marker) stream->queue.wait_for(event->marker);
  succeed(status);
}

void block_host_for_event(const SP_Device*, SP_Event event, TF_Status* status) {
  if (event->marker) event->marker->wait();
  succeed(status);
}

// ---- timers: TensorFlow wants them to be there, and reads none ----------------------------

void create_timer(const SP_Device*, SP_Timer* timer, TF_Status* status) {
  *timer = new SP_Timer_st;
  succeed(status);
}

void destroy_timer(const SP_Device*, SP_Timer timer) { delete timer; }

void mark_time(const SP_Device*, SP_Stream, SP_Timer, TF_Status* status) { succeed(status); }

uint64_t nanoseconds(SP_Timer) { return 0; }

// ---- copies ------------------------------------------------------------------------------

void copy(Queue& queue, Direction& direction, void* to, const void* from, uint64_t size) {
  direction.count(size);
  queue.add([=] { std::memcpy(to, from, size); });
}

void memcpy_dtoh(const SP_Device*, SP_Stream stream, void* to, const SP_DeviceMemoryBase* from,
                 uint64_t size, TF_Status* status) {
  copy(stream->queue, device_to_host, to, from->opaque, size);
  succeed(status);
}

void memcpy_htod(const SP_Device*, SP_Stream stream, SP_DeviceMemoryBase* to, const void* from,
                 uint64_t size, TF_Status* status) {
  copy(stream->queue, host_to_device, to->opaque, from, size);
  succeed(status);
}

void memcpy_dtod(const SP_Device*, SP_Stream stream, SP_DeviceMemoryBase* to,
                 const SP_DeviceMemoryBase* from, uint64_t size, TF_Status* status) {
  copy(stream->queue, device_to_device, to->opaque, from->opaque, size);
  succeed(status);
}

void sync_memcpy_dtoh(const SP_Device* device, void* to, const SP_DeviceMemoryBase* from,
                      uint64_t size, TF_Status* status) {
  copy(queue_of(device), device_to_host, to, from->opaque, size);
  queue_of(device).drain();
  succeed(status);
}

void sync_memcpy_htod(const SP_Device* device, SP_DeviceMemoryBase* to, const void* from,
                      uint64_t size, TF_Status* status) {
  copy(queue_of(device), host_to_device, to->opaque, from, size);
  queue_of(device).drain();
  succeed(status);
}

void sync_memcpy_dtod(const SP_Device* device, SP_DeviceMemoryBase* to,
                      const SP_DeviceMemoryBase* from, uint64_t size, TF_Status* status) {
  copy(queue_of(device), device_to_device, to->opaque, from->opaque, size);
  queue_of(device).drain();
  succeed(status);
}

void memset8(const SP_Device*, SP_Stream stream, SP_DeviceMemoryBase* where, uint8_t pattern,
             uint64_t size, TF_Status* status) {
  stream->queue.add([=, to = where->opaque] { std::memset(to, pattern, size); });
  succeed(status);
}

void mem_zero(const SP_Device* device, SP_Stream stream, SP_DeviceMemoryBase* where, uint64_t size,
              TF_Status* status) {
  memset8(device, stream, where, 0, size, status);
}

void memset32(const SP_Device*, SP_Stream stream, SP_DeviceMemoryBase* where, uint32_t pattern,
              uint64_t size, TF_Status* status) {
  stream->queue.add([=, to = static_cast<uint32_t*>(where->opaque)] {
    std::fill_n(to, size / sizeof pattern, pattern);
  });
  succeed(status);
}

// ---- the platform ------------------------------------------------------------------------

void get_device_count(const SP_Platform*, int* count, TF_Status* status) {
  *count = kDevices;
  succeed(status);
}

void create_device(const SP_Platform*, SE_CreateDeviceParams* params, TF_Status* status) {
  SP_Device* device = params->device;
  device->struct_size = SP_DEVICE_STRUCT_SIZE;
  device->ordinal = params->ordinal;
  device->hardware_name = "fake accelerator";
  device->device_vendor = "none";
  device->pci_bus_id = "0000:00:00.0";
  succeed(status);
}

void create_device_fns(const SP_Platform*, SE_CreateDeviceFnsParams* params, TF_Status* status) {
  params->device_fns->struct_size = SP_DEVICE_FNS_STRUCT_SIZE;
  succeed(status);
}

void create_timer_fns(const SP_Platform*, SP_TimerFns* timer, TF_Status* status) {
  timer->struct_size = SP_TIMER_FNS_STRUCT_SIZE;
  timer->nanoseconds = nanoseconds;
  succeed(status);
}

void create_stream_executor(const SP_Platform*, SE_CreateStreamExecutorParams* params,
                            TF_Status* status) {
  SP_StreamExecutor* executor = params->stream_executor;
  executor->struct_size = SP_STREAMEXECUTOR_STRUCT_SIZE;
  executor->allocate = allocate;
  executor->deallocate = deallocate;
  executor->host_memory_allocate = host_memory_allocate;
  executor->host_memory_deallocate = host_memory_deallocate;
  executor->get_allocator_stats = get_allocator_stats;
  executor->device_memory_usage = device_memory_usage;
  executor->create_stream = create_stream;
  executor->destroy_stream = destroy_stream;
  executor->create_stream_dependency = create_stream_dependency;
  executor->get_stream_status = get_stream_status;
  executor->block_host_until_done = block_host_until_done;
  executor->synchronize_all_activity = synchronize_all_activity;
  executor->host_callback = host_callback;
  executor->create_event = create_event;
  executor->destroy_event = destroy_event;
  executor->record_event = record_event;
  executor->get_event_status = get_event_status;
  executor->wait_for_event = wait_for_event;
  executor->block_host_for_event = block_host_for_event;
  executor->create_timer = create_timer;
  executor->destroy_timer = destroy_timer;
  executor->start_timer = mark_time;
  executor->stop_timer = mark_time;
  executor->memcpy_dtoh = memcpy_dtoh;
  executor->memcpy_htod = memcpy_htod;
  executor->memcpy_dtod = memcpy_dtod;
  executor->sync_memcpy_dtoh = sync_memcpy_dtoh;
  executor->sync_memcpy_htod = sync_memcpy_htod;
  executor->sync_memcpy_dtod = sync_memcpy_dtod;
  executor->mem_zero = mem_zero;
  executor->memset = memset8;
  executor->memset32 = memset32;
  succeed(status);
}

// What destroy_* must clean up: none of it owns anything.
template <typename... Arguments>
void nothing_to_destroy(Arguments...) {}

}  // namespace
}  // namespace xpu

extern "C" void SE_InitPlugin(SE_PlatformRegistrationParams* params, TF_Status* status) {
  params->major_version = SE_MAJOR;
  params->minor_version = SE_MINOR;
  params->patch_version = SE_PATCH;

  SP_Platform* platform = params->platform;
  platform->struct_size = SP_PLATFORM_STRUCT_SIZE;
  platform->name = "FAKE_XPU";
  platform->type = "XPU";
  platform->supports_unified_memory = false;
  platform->use_bfc_allocator = true;
  platform->force_memory_growth = true;
  params->destroy_platform = xpu::nothing_to_destroy;

  SP_PlatformFns* functions = params->platform_fns;
  functions->struct_size = SP_PLATFORM_FNS_STRUCT_SIZE;
  functions->get_device_count = xpu::get_device_count;
  functions->create_device = xpu::create_device;
  functions->destroy_device = xpu::nothing_to_destroy;
  functions->create_device_fns = xpu::create_device_fns;
  functions->destroy_device_fns = xpu::nothing_to_destroy;
  functions->create_stream_executor = xpu::create_stream_executor;
  functions->destroy_stream_executor = xpu::nothing_to_destroy;
  functions->create_timer_fns = xpu::create_timer_fns;
  functions->destroy_timer_fns = xpu::nothing_to_destroy;
  params->destroy_platform_fns = xpu::nothing_to_destroy;

  xpu::succeed(status);
}

// Calls and bytes of the copies so far: host to device, device to host, device to device.
extern "C" void xpu_counters(uint64_t out[6]) {
  for (const auto* direction :
       {&xpu::host_to_device, &xpu::device_to_host, &xpu::device_to_device}) {
    *out++ = direction->calls;
    *out++ = direction->bytes;
  }
}
