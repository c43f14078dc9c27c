"""One inverse for all epochs; each pays for its gap only.

With P = A^-1 of all rows and m the missing ones, the inverse of the observed block is
``P_oo - P_om P_mm^-1 P_mo`` and its determinant that of A times that of ``P_mm``. The
elimination is done in two steps, first of what a group of epochs misses in common.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from jaxload._platform import map_batches, map_parts, on_platform
from jaxload.inversion.estimation.data_space import (
    Contract,
    DataSpaceSolution,
    LeftOut,
    left_out_residual,
    without_rounding,
)
from jaxload.inversion.estimation.variance_reduction import (
    Reduction,
    block_reduction,
    block_size,
)
from jaxload.inversion.linalg.saddle_point import (
    eliminated,
    gap_weights,
    observed_saddle_inverse,
)
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.missing.pattern import EpochGaps, MissingPattern, PaddedBlocks
from jaxload.inversion.noise import Noise, common_rows, noise_covariance
from jaxload.inversion.problem import Problem

__all__ = [
    "SharedInverse",
    "block_memory",
    "make_shared_inverse",
]

#: Bytes that the inverses of all groups of epochs may take together on a CPU; where
#: they would take more, blocks of epochs are worked on one after the other.
INVERSES = 2**27


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class SharedInverse:
    """The systems of all epochs from one inverse, from `make_shared_inverse`.

    Attributes:
      inverse: Saddle inverse of all rows, zero at those that are not used, shape
        (row + null, row + null).
      log_determinant: Of the used block of A, the free fields taken out, scalar.
      largest: Diagonal of ``A^-1`` with the free fields in it, shape (row,).
      problem: Design matrix and prior.
      noise: Of covariance ``beta^2 R``.
      seen: Where there are observations, shape (epoch, row).
      used: Rows that count, shape (row,).
      pattern: Where observations are missing.
    """

    inverse: Array
    log_determinant: Array
    largest: Array
    problem: Problem
    noise: Noise
    seen: Array
    used: Array
    pattern: MissingPattern

    @property
    def rows(self) -> Array:
        """The block of rows of the inverse, shape (row, row)."""
        count = self.seen.shape[1]
        return self.inverse[:count, :count]

    def evaluate(self, values: Array) -> DataSpaceSolution:
        """Solve for the observations, with diagonals and determinants.

        Args:
          values: Observations, shape (epoch, row).

        Returns:
          The `DataSpaceSolution`; NaN at epochs whose system is not positive definite.

        Source:
          Block inversion by the Schur complement; Golub & Van Loan (2013), Matrix
          Computations, section 3.2.11.
        """
        data = jnp.where(self.seen, values, 0)
        if self.noise.common is None or self.noise.common.ndim == 0:
            solved = self._evaluated(data)
        else:
            offset = jnp.where(self.seen, common_rows(self.noise)[None, :], 0)
            # The offset's rows are a second right side; all else is done once.
            both = jax.vmap(
                self._evaluated,
                out_axes=DataSpaceSolution(0, None, None),  # pyright: ignore[reportArgumentType]
            )(jnp.stack([data, offset]))
            solved = _with_offset(both, offset, self.noise.common)
        null_space_size = self.problem.null_space_response.shape[1]
        if not null_space_size:
            return solved
        return without_rounding(
            solved, self.largest, self.seen.sum(axis=1) - null_space_size
        )

    def solve(self, right: Array) -> Array:
        """Solve for several right sides at once.

        Where the right sides have a lower precision than the matrices, only what is
        done for each epoch is done in theirs: the errors of an inverse made by halves
        grow with the condition number, so that a large matrix may have none in float32.

        Args:
          right: Zero where nothing was seen, shape (side, epoch, row).

        Returns:
          The solutions, shape (side, epoch, row).
        """
        one = lambda side: self._evaluated(side).multiplier
        if self.noise.common is None or self.noise.common.ndim == 0:
            return jax.vmap(one)(right)
        offset = jnp.where(self.seen, common_rows(self.noise)[None, :], 0)
        offset = offset.astype(right.dtype)
        solved = jax.vmap(one)(jnp.concatenate([right, offset[None]]))
        solved, image = solved[:-1], solved[-1]
        variance = self.noise.common.astype(right.dtype)
        share = variance / (1 + variance * jnp.sum(offset * image, axis=1))
        amount = share[None, :] * jnp.sum(offset[None] * solved, axis=2)
        return solved - amount[:, :, None] * image[None]

    def left_out(self, multiplier: Array, groups: LeftOut) -> Array:
        """Residuals of rows predicted from those outside their group.

        Args:
          multiplier: Of `evaluate`, shape (epoch, row).
          groups: What is left out together.

        Returns:
          Residual [mm], shape (epoch, row); NaN where nothing is seen or determined.
        """
        null_space_response = self.problem.null_space_response

        def of_group(part: tuple[Array, Array]) -> tuple[Array, Array]:
            epoch, common = part
            known = self.used.at[common].set(False, mode="drop")
            left, _ = eliminated(self.rows, common, self._padding(common, known))
            there = self.seen.at[epoch].get(mode="fill", fill_value=False)
            some = multiplier.at[epoch].get(mode="fill", fill_value=0)
            residual = left_out_residual(left, null_space_response, known, some, groups)
            return left, jnp.where(there, residual, jnp.nan)

        def of_epoch(part: tuple[Array, Array, Array]) -> Array:
            epoch, group, missing = part
            there = self.seen.at[epoch].get(mode="fill", fill_value=False)
            some = multiplier.at[epoch].get(mode="fill", fill_value=0)
            left, _ = eliminated(lefts[group], missing, self._padding(missing, there))
            return left_out_residual(
                left, null_space_response, there, some[None], groups
            )[0]

        lefts, result = [], jnp.full(self.seen.shape, jnp.nan, multiplier.dtype)
        for part in self.pattern.groups:
            left, residual = map_parts(
                of_group, (part.epoch, part.common), 6 * self._whole(multiplier)
            )
            lefts.append(left)
            result = result.at[part.epoch].set(residual, mode="drop")
        lefts = jnp.concatenate(lefts)
        for gaps in self.pattern.gaps:
            flat = (
                gaps.epoch.reshape(-1),
                gaps.group.reshape(-1),
                gaps.missing.reshape(-1, gaps.missing.shape[-1]),
            )
            residual = map_parts(of_epoch, flat, 6 * self._whole(multiplier))
            result = result.at[flat[0]].set(residual, mode="drop")
        return result

    def reduction(self, fields: Array, contract: Contract) -> Array:
        """By how much the data reduce the prior variance of functionals.

        Args:
          fields: Covariance h with the rows and amounts of the free fields, shape
            (row + null, functional).
          contract: `diagonal` for variances, `outer` for covariances.

        Returns:
          Shape (epoch, functional) or (epoch, functional, functional).
        """
        start = self.start(fields, contract)
        result = jnp.zeros((len(self.seen), *start.reduction.shape), fields.dtype)
        for blocks in self.pattern.blocks:
            step = lambda block: block_reduction(start, block, self.used, contract)
            part = map_parts(step, blocks, block_size(start, blocks))
            result = result.at[blocks.epoch].set(part, mode="drop")
        return result

    def start(self, fields: Array, contract: Contract) -> "Reduction":
        """Prepare `block_reduction` as if no row were missing.

        Args:
          fields: As in `reduction`.
          contract: Likewise.

        Returns:
          The `Reduction`.
        """
        image = einsum("rs,sf->rf", self.inverse, fields)
        return Reduction(self.inverse, image, contract(image, fields))

    def _padding(self, missing: Array, seen: Array) -> Array:
        """Where an index is none of a used row, or too few rows are seen without it."""
        few = jnp.sum(seen, axis=-1) <= self.problem.null_space_response.shape[1]
        unused = ~self.used.at[missing].get(mode="fill", fill_value=False)
        return (
            unused
            if not self.problem.null_space_response.shape[1]
            else unused | few[..., None]
        )

    def _row(self, like: Array) -> int:
        """Bytes of a row of the inverse, in the type of an array."""
        return len(self.inverse) * like.dtype.itemsize

    def _whole(self, like: Array) -> int:
        """Bytes of the whole inverse, likewise."""
        return len(self.inverse) * self._row(like)

    def _evaluated(self, data: Array) -> DataSpaceSolution:
        # Parts of a record have blocks alone.
        count = sum(len(groups.epoch) for groups in self.pattern.groups)
        if not count:
            solved = self._by_blocks(data)
        elif count * self._whole(data) > INVERSES:
            solved = on_platform(data, cpu=self._by_blocks, accelerator=self._by_groups)
        else:
            solved = self._by_groups(data)
        # Rounding leaves the missing rows near zero.
        return dataclasses.replace(
            solved,
            multiplier=jnp.where(self.seen, solved.multiplier, 0),
            inverse_diagonal=jnp.where(self.seen, solved.inverse_diagonal, 0),
        )

    def _by_groups(self, data: Array) -> DataSpaceSolution:
        """Eliminate gaps of all groups, whose inverses are held together."""
        left, solved = self._without_common(data)
        for gaps in self.pattern.gaps:
            solved = self._without_gaps(left, solved, gaps)
        return solved

    def _by_blocks(self, data: Array) -> DataSpaceSolution:
        """Eliminate gaps of one block of epochs after the other, with one inverse."""

        def eliminate(block: PaddedBlocks) -> DataSpaceSolution:
            epoch, common, missing = map(
                jnp.asarray, (block.epoch, block.common, block.missing)
            )
            solved, left = self._of_group(data, (epoch, common))
            if not missing.shape[-1]:
                return solved
            rows = left.at[missing].get(mode="fill", fill_value=0)
            return self._of_gaps(solved, rows, (epoch, missing))

        solved = _nothing(data)
        for blocks in self.pattern.blocks:
            part = map_parts(eliminate, blocks, block_memory(blocks, data))
            solved = _updated(solved, jnp.asarray(blocks.epoch), part)
        return solved

    def _of_group(
        self, data: Array, part: tuple[Array, Array]
    ) -> tuple[DataSpaceSolution, Array]:
        """The solution as if epochs missed only what they miss in common."""
        epoch, common = part
        seen = self.used.at[common].set(False, mode="drop")
        left, log_gap = eliminated(self.rows, common, self._padding(common, seen))
        left = left.astype(data.dtype)
        log_determinant = (self.log_determinant + log_gap).astype(data.dtype)
        some = data.at[epoch].get(mode="fill", fill_value=0)
        multiplier = einsum("es,st->et", some, left)
        diagonal = jnp.broadcast_to(jnp.diag(left)[None, :], multiplier.shape)
        each = jnp.broadcast_to(log_determinant, multiplier.shape[:1])
        return DataSpaceSolution(multiplier, diagonal, each), left

    def _of_gaps(
        self, before: DataSpaceSolution, rows: Array, part: tuple[Array, Array]
    ) -> DataSpaceSolution:
        """The solution without what epochs miss beside; rows of the inverse at it."""
        epoch, missing = part
        seen = self.seen.at[epoch].get(mode="fill", fill_value=False)
        padding = self._padding(missing, seen)
        weights, log_gap = jax.vmap(gap_weights)(rows, missing, padding)
        at_missing = jax.vmap(_at)(before.multiplier, missing)
        return DataSpaceSolution(
            before.multiplier - einsum("eks,ek->es", weights, at_missing),
            before.inverse_diagonal - jnp.sum(rows * weights, axis=1),
            before.log_determinant + log_gap,
        )

    def _without_common(self, data: Array) -> tuple[Array, DataSpaceSolution]:
        """Inverses of the groups, (group, row, row), and the solution by them."""

        def eliminate(part: tuple[Array, Array]) -> tuple[Array, DataSpaceSolution]:
            solved, left = self._of_group(data, part)
            return left, solved

        solved, lefts = _nothing(data), []
        for groups in self.pattern.groups:
            left, part = map_parts(
                eliminate, (groups.epoch, groups.common), 4 * self._whole(data)
            )
            lefts.append(left)
            solved = _updated(solved, jnp.asarray(groups.epoch), part)
        return jnp.concatenate(lefts), solved

    def _without_gaps(
        self, left: Array, solved: DataSpaceSolution, gaps: EpochGaps
    ) -> DataSpaceSolution:
        """Eliminate what single epochs miss beyond their group."""

        def eliminate(part: tuple[Array, Array, Array]) -> DataSpaceSolution:
            epoch, group, missing = part
            rows = left.at[group[:, None], missing].get(mode="fill", fill_value=0)
            before = jax.tree.map(
                lambda values: values.at[epoch].get(mode="fill", fill_value=0), solved
            )
            return self._of_gaps(before, rows, (epoch, missing))

        parts = (gaps.epoch, gaps.group, gaps.missing)
        size = 4 * gaps.missing.shape[-1] * self._row(solved.multiplier)
        part = map_batches(eliminate, parts, size)
        return _updated(solved, jnp.asarray(gaps.epoch), part)


def make_shared_inverse(
    problem: Problem,
    noise: Noise,
    seen: Array,
    used: Array | None,
    pattern: MissingPattern,
) -> SharedInverse:
    """Invert the matrix of all used rows.

    Args:
      problem: Design matrix and prior.
      noise: Of covariance ``beta^2 R``, sigma of shape (row,). A common offset whose
        variance changes in time is added at the end, by its rank of one.
      seen: Where there are observations, shape (epoch, row).
      used: Rows that count, shape (row,); None for all.
      pattern: Where observations are missing.

    Returns:
      The `SharedInverse`.
    """
    steady = noise
    if noise.common is not None and noise.common.ndim:
        steady = dataclasses.replace(noise, common=None)
    used = jnp.ones(seen.shape[1], bool) if used is None else used
    matrix = problem.gram + noise_covariance(steady)
    inverted, whole, log_determinant = observed_saddle_inverse(
        matrix, problem.null_space_response, used
    )
    return SharedInverse(
        whole,
        log_determinant,
        jnp.diag(inverted),
        problem,
        noise,
        seen,
        used,
        pattern,
    )


def _with_offset(
    both: DataSpaceSolution, offset: Array, variance: Array
) -> DataSpaceSolution:
    """Add a variance of the offset, from what it and the data give without it.

    Sherman-Morrison: ``(A + v c c')^-1 = P - P c c' P v / (1 + v c' P c)``.
    """
    multiplier, image = both.multiplier
    growth = 1 + variance * jnp.sum(offset * image, axis=1)
    share = variance / growth
    amount = share * jnp.sum(offset * multiplier, axis=1)
    return DataSpaceSolution(
        multiplier - amount[:, None] * image,
        both.inverse_diagonal - share[:, None] * image**2,
        both.log_determinant + jnp.log(growth),
    )


def _nothing(data: Array) -> DataSpaceSolution:
    zeros = jnp.zeros(data.shape, data.dtype)
    return DataSpaceSolution(zeros, zeros, zeros[:, 0])


def block_memory(blocks: PaddedBlocks, data: Array) -> float:
    """Estimate the temporary memory of a block of epochs.

    Args:
      blocks: Of a pattern.
      data: Observations, shape (epoch, row).

    Returns:
      Bytes.
    """
    rows, (epochs, missing) = data.shape[1], blocks.missing.shape[1:]
    return 4.0 * data.dtype.itemsize * rows * (rows + epochs * missing)


def _updated(
    solved: DataSpaceSolution, epoch: Array, part: DataSpaceSolution
) -> DataSpaceSolution:
    return jax.tree.map(
        lambda values, some: values.at[epoch].set(some, mode="drop"), solved, part
    )


def _at(values: Array, index: Array) -> Array:
    """Values along the last axis, zero where the index is padding."""
    return values.at[..., index].get(mode="fill", fill_value=0)
