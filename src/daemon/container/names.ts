import { randomInt } from "node:crypto";

const adjectives =
  "able agile amber ample apt arctic autumn awake azure balmy bold brave breezy bright brisk calm candid careful cheery civil clear clever coastal cosy crisp curious daring deep deft dreamy eager early earnest easy elegant even fair faithful famous fearless festive fine fleet fluent fond frank free fresh friendly gentle gifted glad golden good graceful grand great happy hardy hearty helpful honest humble ideal jolly joyful keen kind late lively loyal lucid lucky lunar mellow merry mild modest neat nimble noble open patient peaceful playful polite prompt proud quick quiet radiant rapid ready sharp silent silver sincere smart smooth snug solar solid sound steady still strong sturdy sunny swift tender tidy tranquil trusty upbeat vast vivid warm wise witty young zesty".split(
    " ",
  );
const surnames =
  "abel agnesi airy alembert ampere anning archimedes aristarchus arrhenius avogadro babbage bacon banneker bardeen bassi becquerel bell bernoulli berzelius bessel bhabha blackwell bohr boltzmann boole born bose boyle brahe brahmagupta braun burnell cannon cantor carnot carson carver cauchy cavendish chandra chebyshev church clarke copernicus coulomb crick curie dalton darwin davy dirac doppler eddington edison ehrlich einstein elion engelbart euclid euler faraday fermat fermi feynman fibonacci fleming fourier franklin fresnel galileo galois gauss germain gibbs godel goeppert goodall haber hahn halley hamilton harvey heisenberg hero herschel hertz hilbert hodgkin hooke hopper hubble humboldt huygens hypatia ibnsina jacobi jansky jemison jenner johnson joule kelvin kepler khayyam khwarizmi kirchhoff kovalevskaya lagrange lamarr laplace lavoisier leavitt leibniz lie linnaeus lise lorentz lovelace lyell mach marconi markov maury maxwell mayer mcclintock meitner mendel mendeleev merian mitchell moivre morse napier nash newton nightingale nobel noether oersted ohm oppenheimer ostwald pascal pasteur pauli payne pavlov peano perlman planck poincare poisson priestley ptolemy pythagoras ramanujan raman rayleigh ride riemann ritchie rontgen rubin rutherford sagan sanger shannon snell somerville stokes swan tesla thales thomson torricelli tu turing volta wallace watt weber wegener weyl wien wiles wilkins wing wozniak wu yalow yukawa zeno zuse".split(
    " ",
  );

/** A name of the form adjective_surname; with a digit behind it from the second try on. */
export const randomName = (attempt: number): string => {
  for (;;) {
    const name = `${adjectives[randomInt(adjectives.length)]}_${surnames[randomInt(surnames.length)]}`;
    // Steve Wozniak is not boring.
    if (name !== "boring_wozniak") return attempt === 0 ? name : `${name}${randomInt(10)}`;
  }
};
