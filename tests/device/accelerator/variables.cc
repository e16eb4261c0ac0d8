// Variables that are added to and subtracted from on XPU.
//
// TensorFlow's own kernels for devices that it does not know would do it on the host, at once,
// while the queue still has to write the operands. The C functions for it
// (tensorflow/c/kernels_experimental.h) are not in the libraries of TensorFlow 2.21, so this is
// written to the C++ interface.
#include <algorithm>
#include <functional>

#include "absl/status/status.h"
#include "queue.h"
#include "tensorflow/c/kernels.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/resource_mgr.h"
#include "tensorflow/core/framework/resource_var.h"

namespace xpu {
namespace {

using tensorflow::LookupResource;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;

// TensorFlow's C interface makes the same cast (tensorflow/c/kernels.cc).
Queue& queue_of(OpKernelContext* context) {
  TF_Status* status = TF_NewStatus();
  SP_Stream stream = TF_GetStream(reinterpret_cast<TF_OpKernelContext*>(context), status);
  TF_DeleteStatus(status);
  return stream->queue;
}

template <typename T, typename Operation>
class UpdateVariable : public tensorflow::OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* context) override {
    tensorflow::core::RefCountPtr<tensorflow::Var> variable;
    OP_REQUIRES_OK(context,
                   LookupResource(context, tensorflow::HandleFromInput(context, 0), &variable));
    tensorflow::mutex_lock lock(*variable->mu());
    Tensor* old = variable->tensor();
    const Tensor& operand = context->input(1);
    OP_REQUIRES(context, old->shape() == operand.shape(),
                absl::InvalidArgumentError("Shapes must be equal"));

    // A buffer that has been read out stays as it was.
    const bool in_place = old->RefCountIsOne() && !variable->copy_on_read_mode.load();
    Tensor updated;
    if (in_place)
      updated = *old;
    else
      OP_REQUIRES_OK(context, context->allocate_temp(old->dtype(), old->shape(), &updated));
    const T* a = old->flat<T>().data();
    const T* b = operand.flat<T>().data();
    queue_of(context).add_kernel([=, size = old->NumElements(), out = updated.flat<T>().data()] {
      std::transform(a, a + size, b, out, Operation());
    });
    *old = updated;
  }
};

#define REGISTER(operation, T, Operation)                                              \
  REGISTER_KERNEL_BUILDER(                                                             \
      Name(operation).Device("XPU").HostMemory("resource").TypeConstraint<T>("dtype"), \
      UpdateVariable<T, Operation<T>>)

REGISTER("AssignAddVariableOp", float, std::plus);
REGISTER("AssignAddVariableOp", double, std::plus);
REGISTER("AssignAddVariableOp", int64_t, std::plus);
REGISTER("AssignSubVariableOp", float, std::minus);
REGISTER("AssignSubVariableOp", double, std::minus);
REGISTER("AssignSubVariableOp", int64_t, std::minus);

}  // namespace
}  // namespace xpu
